"""Design with runs: sequences by name, and the results as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from genoml.data.files import NamedSequences
from genoml.design import Designed, Goal, Maximise, Minimise, Specific, Target, design
from genoml.explain.tasks import Task
from genoml.io.errors import first_word
from genoml.io.fasta import fasta_bytes
from genoml.io.files import write_whole
from genoml.runs.design_settings import DesignSettings, GoalSettings
from genoml.runs.explained import Explained, explained_output
from genoml.runs.run import Run
from genoml.sequence.codes import decode
from genoml.train.profile_objective import Profile

__all__ = ["DesignFiles", "design_sequences"]


@dataclass(frozen=True, eq=False)
class DesignFiles:
    """Designed sequences with the names of their starts.

    Attributes
    ----------
    names : sequence of str
        Of the starts.
    found : Designed
        See :func:`genoml.design.design`.
    task : int or callable
        The output that the goal is about first, see :func:`genoml.explain.saliency`.
    """

    names: Sequence[str]
    found: Designed
    task: Task = 0

    def save_fasta(self, path: str | PathLike[str]) -> None:
        """Write the designed sequences; after a name its predictions by task and its edits from the start.

        An edit such as ``A17G`` is base before, 0-based position, base after.
        """
        found, letters = self.found, decode(self.found.codes) if len(self.found.codes) else []
        with write_whole(path) as stream:
            for row, text, values, edits in zip(
                found.rows, letters, found.predictions, found.edits, strict=True
            ):
                told = [f"{task}:{value:.6g}" for task, value in zip(found.names, values, strict=True)]
                told = told if len(told) > 1 else [f"{values[0]:.6g}"]
                name = f"{self.names[row]} prediction={','.join(told)} edits={','.join(edits) or 'none'}"
                stream.write(fasta_bytes(name, text))

    def save_table(self, path: str | PathLike[str]) -> None:
        """Write a row for each start: name, status, edits, score, predictions before and after, violations."""
        found = self.found
        places = {int(row): place for place, row in enumerate(found.rows)}
        edits, tasks = found.edits, [f"_{name}".replace("\t", " ") for name in found.names]
        tasks = tasks if len(tasks) > 1 else [""]
        columns = ["name", "status", "n_edits", "edits", "score"]
        columns += [f"{what}{task}" for what in ("before", "predicted") for task in tasks] + ["violations"]
        with write_whole(path) as stream:
            stream.write(("\t".join(columns) + "\n").encode())
            for row, name in enumerate(self.names):
                place = places.get(row)
                before = [f"{value:.6g}" for value in found.before[row]]
                if place is None:
                    cells = [
                        "failed",
                        "",
                        "",
                        "",
                        *before,
                        *[""] * len(tasks),
                        "; ".join(found.violations[row]),
                    ]
                else:
                    after = [f"{value:.6g}" for value in found.predictions[place]]
                    own = edits[place]
                    cells = ["designed", str(len(own)), ",".join(own), f"{found.scores[place]:.6g}"]
                    cells += [*before, *after, ""]
                stream.write(("\t".join([first_word(name), *cells]) + "\n").encode())


def design_sequences(runs: Sequence[Run], sequences: NamedSequences, settings: DesignSettings) -> DesignFiles:
    """Design sequences with the model of a run, or with those of several as an ensemble.

    Parameters
    ----------
    runs : sequence of Run
        Runs with the same tasks.
    sequences : NamedSequences
        The starts, see ``Run.read``; each as long as the training's sequences.
    settings : DesignSettings
        Goal, constraints and method.

    Raises
    ------
    ValueError
        If a start has another length, or letters other than A, C, G and T; naming file and record. And see
        :func:`genoml.design.design`.
    """
    length = runs[0].record.length_bp or len(sequences.letters[0])
    for place, letters in enumerate(sequences.letters):
        if len(letters) != length:
            what = f"expects {length} bp, as the model reads, got {len(letters)} bp"
            raise ValueError(f"{sequences.place(place)}: {what}; cut it, or extend it with bases of your own")
        if not set(letters.upper()) <= set("ACGTU"):
            bad = next(at for at, letter in enumerate(letters) if letter.upper() not in "ACGTU")
            what = f"expects A, C, G and T, got {letters[bad]!r} at position {bad}"
            raise ValueError(f"{sequences.place(place)}: {what}")
    goal, task = _goal(runs[0], settings.goal)
    found = design(
        [run.model for run in runs], sequences.codes(length),
        goal=goal,
        constraints=settings.constraints.build(),
        method=settings.build_method(),
        rounds=settings.rounds, width=settings.width, ensemble=settings.ensemble, seed=settings.seed,
    )  # fmt: skip
    return DesignFiles(sequences.ids, found, task)


def _goal(run: Run, settings: GoalSettings) -> tuple[Goal, Task]:
    """The goal, with tasks by number, and the output that it is about first."""
    if settings.kind == "target":
        tasks = {name: _explained(run, name) for name in settings.values}
        goal = Target({tasks[name].columns[0]: value for name, value in settings.values.items()})
        return goal, next(iter(tasks.values())).task
    explained = _explained(run, settings.task)
    (task,) = explained.columns
    if settings.kind == "specific":
        others = [_explained(run, name).columns[0] for name in settings.against or []]
        return Specific(task, others or None), explained.task
    return Minimise(task) if settings.kind == "minimise" else Maximise(task), explained.task


def _explained(run: Run, name: str | None) -> Explained:
    """A task by its name, or by that of its output.

    Raises
    ------
    ValueError
        If there is none; the message names those that there are.
    """
    if not isinstance(run.objective, Profile):
        return explained_output(run, name)
    names = list(run.objective.task_names) or run.record.task.names
    if name in names or (name is None and run.objective.tracks == 1):
        name = f"counts:{name or (names or ['0'])[0]}"
    found = explained_output(run, name)
    if len(found.columns) != 1 or (name or "").startswith("profile"):
        known = ", ".join(names or map(str, range(run.objective.tracks)))
        raise ValueError(f"a goal expects the counts of one track, one of {known}, got {name or 'none'}")
    return found
