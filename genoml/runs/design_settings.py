"""Settings of a design as one record, which ``--config FILE.toml`` holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from genoml.design import (
    GC,
    METHODS,
    Avoid,
    Constraint,
    Fixed,
    Gradient,
    Insert,
    Keep,
    Method,
    MostEdits,
    NoRepeat,
    NoRun,
    Translate,
)
from genoml.io.settings import Count, NotNegative, check_fields, make_settings, read_toml, settings_error

__all__ = ["DesignSettings", "GoalSettings", "read_design"]

Whole = Annotated[int, Meta(ge=0)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Pair = Annotated[list[Whole], Meta(min_length=2, max_length=2)]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the settings of a design."""

    def __post_init__(self) -> None:
        check_fields(self)


class GoalSettings(_Settings, frozen=True, kw_only=True):
    """What is wanted."""

    kind: Literal["maximise", "minimise", "target", "specific"] = "maximise"
    #: of all but target: an output by name, as of ``genoml attribute --explain``; left out, the first
    task: str | None = None
    #: of target: predictions that are wanted, by task
    values: dict[str, float] = {}
    #: of specific: the other tasks; left out, all
    against: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.kind == "target") != bool(self.values):
            raise ValueError(
                "expects values, predictions by task such as { dev = 5.0 }, with the kind target only"
            )
        if self.against is not None and self.kind != "specific":
            raise ValueError("expects against with the kind specific only")


class GCSettings(_Settings, frozen=True, kw_only=True):
    """Share of G and C."""

    low: _Share
    high: _Share
    window: Count | None = None


class ProteinSettings(_Settings, frozen=True, kw_only=True):
    """A protein that stays."""

    protein: str
    start: Whole = 0
    table: int | str = 1


class ConstraintSettings(_Settings, frozen=True, kw_only=True):
    """What holds of every designed sequence."""

    fixed: list[_Pair] = []
    keep: list[_Pair] = []
    gc: list[GCSettings] = []
    no_run: Count | None = None
    no_repeat: Count | None = None
    avoid: list[str] = []
    most_edits: Whole | None = None
    translate: list[ProteinSettings] = []

    def build(self) -> list[Constraint]:
        """The constraints.

        Raises
        ------
        ValueError
            For values that these refuse, such as an unknown enzyme; the message begins with the key's path.
        """
        keep: list[tuple[int, ...]] = [(start, stop) for start, stop in self.keep]
        made: dict[str, list[Callable[[], Constraint]]] = {
            "fixed": [partial(Fixed, *pair) for pair in self.fixed],
            "keep": [partial(Keep, keep)] if keep else [],
            "gc": [partial(GC, each.low, each.high, each.window) for each in self.gc],
            "no_run": [] if self.no_run is None else [partial(NoRun, self.no_run)],
            "no_repeat": [] if self.no_repeat is None else [partial(NoRepeat, self.no_repeat)],
            "avoid": [partial(Avoid, self.avoid)] if self.avoid else [],
            "most_edits": [] if self.most_edits is None else [partial(MostEdits, self.most_edits)],
            "translate": [
                partial(Translate, each.protein, each.start, each.table) for each in self.translate
            ],
        }
        found = []
        for key, makers in made.items():
            try:
                found += [make() for make in makers]
            except ValueError as error:
                raise ValueError(f"constraints.{key}: {error}") from error
        return found


class DesignSettings(_Settings, frozen=True, kw_only=True):
    """All settings of a design; docs/design.md lists the keys.

    Raises
    ------
    ValueError
        If a value is of another type or out of range; the message begins with the key's path.
    """

    goal: GoalSettings = GoalSettings()
    constraints: ConstraintSettings = ConstraintSettings()
    method: Literal["evolve", "beam", "anneal", "insert", "gradient"] = "evolve"
    rounds: Count | None = None
    width: Count = 8
    #: how the scores of several runs become one
    ensemble: Literal["mean", "minimum"] | NotNegative = "mean"
    #: of insert
    motifs: list[str] = []
    #: of gradient: what an edit costs
    penalty: NotNegative | None = None
    seed: Whole = 0

    def build_method(self) -> Method:
        """The method.

        Raises
        ------
        ValueError
            If insert has no motifs, or another method has motifs or a penalty that it has no use for.
        """
        if self.motifs and self.method != "insert":
            raise ValueError(f"motifs: are of the method insert, got method {self.method}")
        if self.penalty is not None and self.method != "gradient":
            raise ValueError(f"penalty: is of the method gradient, got method {self.method}")
        if self.method == "insert":
            if not self.motifs:
                raise ValueError("motifs: the method insert expects some, such as ['TGACTCA']")
            return Insert(self.motifs)
        return Gradient(self.penalty) if self.method == "gradient" else METHODS[self.method]()


def read_design(path: str | PathLike[str] | None, overrides: Mapping[str, Any]) -> DesignSettings:
    """Read the settings of a design from a TOML file, or take the defaults; overrides that are not None win.

    Parameters
    ----------
    path : path, optional
        The file.
    overrides : mapping
        Values by key; those of ``goal`` are joined with those of the file.

    Raises
    ------
    FormatError
        If the file is not TOML, or a key is unknown, of the wrong type or out of range; the message names the file, the
        line and the key's path.
    ValueError
        If the file cannot be read, or an override cannot be.
    """
    values = {} if path is None else read_toml(Path(path))
    changed = {key: value for key, value in overrides.items() if value is not None}
    goal = changed.pop("goal", {})
    if goal and isinstance(values.get("goal", {}), dict):
        changed["goal"] = values.get("goal", {}) | goal
    try:
        settings = make_settings(values | changed, DesignSettings)
        settings.build_method()
        settings.constraints.build()
    except ValueError as error:
        key = re.split(r"[.\[:]", str(error))[0]
        if path is None or (key in changed and key != "goal"):
            raise
        raise settings_error(Path(path), error) from error
    return settings
