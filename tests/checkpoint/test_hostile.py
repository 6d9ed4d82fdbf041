"""Reading what others made runs nothing of it, opens nothing but it, and takes little memory."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from support.hostile import hostile_runs
from support.subprocesses import run_python

#: reads the sound run, then each hostile one under an audit hook; prints (run, outcome, events, megabytes)
READ = """
import json, os, resource, sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from genoml.backend import get_backend
from genoml.checkpoint import CheckpointError
from genoml.data import split_random
from genoml.models import MODELS, build_model, check_options
from genoml.runs import RunError, build_recorded, load_run, open_run, read_log
from genoml.nn.description import argument_types
from genoml.runs.network import NetworkSettings
from genoml.train import Checkpoints, Trainer
from support.models import SMALL
from support.planted import planted_data

rest, held = split_random(planted_data(16), 0.25, 0)

def load(path):
    load_run(path, "numpy")

def log(path):
    open_run(path)
    read_log(path)

def resume(path):
    folder = open_run(path)
    model = build_recorded(path, folder.record, "numpy")
    config = folder.record.config
    trainer = Trainer(model, rest, held, config.fit_options(len(rest), (1.0, 1.0)))
    trainer.keep(Checkpoints(folder.checkpoints), resume=True)

events, watching = [], False

def audit(event, arguments):
    if watching:
        events.append((event, str(arguments[0]) if event == "open" else ""))

folder = Path(sys.argv[1])
for reader in (load, resume, log):
    reader(str(folder / "sound"))
for name in MODELS:  # Python evaluates the annotations of a function when they are first asked for
    check_options(name, {})
    build_model(name, SMALL[name])
for kind in ("Dense", "MotifLayer", "ReLU", "Sequential"):
    argument_types(kind)
NetworkSettings().build_objective()
sys.addaudithook(audit)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = []
for reader, path in json.loads((folder / "cases.json").read_text()):
    events.clear()
    watching = True
    try:
        globals()[reader](path)
        outcome = "accepted"
    except (CheckpointError, RunError) as error:
        outcome = "refused"
        message = str(error)
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    watching = False
    if outcome == "refused" and (not message.startswith(path) or "\\n" in message):
        outcome = f"names no file of it: {message[:300]}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    opened = [name for event, name in events if event == "open" and not name.isdigit()]  # not by a handle
    outside = [name for name in opened if not name.startswith(path)]
    found.append((path, outcome, sorted({event for event, _ in events}), outside, grown))
print(json.dumps(found))
"""
#: what finding out that a file is no good needs; the last is a look at the code of genoml's own functions
HARMLESS = {"open", "os.listdir", "os.scandir", "object.__getattr__"}
#: megabytes that the reading of all may take at most; one of them claims a terabyte, others are 10 MB of JSON
MOST_MEMORY = 400


def test_hostile_files_are_refused_and_nothing_of_them_runs(tmp_path: Path) -> None:
    cases = hostile_runs(tmp_path)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    done = run_python(READ, str(tmp_path), str(Path(__file__).parents[1]), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    wrong = [(path, outcome) for path, outcome, *_ in found if outcome != "refused"]
    events = Counter(event for _, _, names, _, _ in found for event in names)
    megabytes = max(grown for *_, grown in found)
    print(
        f"{len(found)} hostile runs, {len(found) - len(wrong)} refused, events {dict(events)}, {megabytes} MB"
    )
    assert not wrong, "\n".join(map(str, wrong))
    assert len(found) >= 50
    assert set(events) <= HARMLESS
    assert not [outside for *_, outside, _ in found if outside]
    assert megabytes <= MOST_MEMORY
    assert not (tmp_path / "code-ran").exists()
