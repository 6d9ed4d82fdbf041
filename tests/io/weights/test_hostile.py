"""Reading what others made runs nothing of it, opens nothing but it, and takes little memory and time."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from genoml.io import FormatError, read_weights
from genoml.io.weights import apart
from support.hostile_weights import hdf5_of, hostile_weights, lambdas
from support.subprocesses import run_python
from support.weights_files import sound_files

#: reads sound files, then each hostile one under an audit hook and a limit of memory
READ = """
import copyreg, json, pickle, resource, sys, time
from pathlib import Path

from genoml.io import FormatError, read_weights
from genoml.io.weights import keras, reading

reading.read_apart = keras.read_keras  # in this process, so that the hook sees it
copyreg.add_extension("os", "system", 0x7f)
pickle.loads(b"\\x82\\x7f.")  # known, and in the cache of pickle
events, watching = [], False

def audit(event, arguments):
    if watching:
        events.append((event, str(arguments[0]) if event == "open" else ""))

folder = Path(sys.argv[1])
for path in sorted(folder.glob("sound-*")):
    read_weights(path)
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (600 << 20),) * 2)

def peak():  # of this process alone; getrusage has that of the one that started it too
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024

before = peak()
sys.addaudithook(audit)
found = []
for path in json.loads((folder / "cases.json").read_text()):
    events.clear()
    start, watching = time.monotonic(), True
    try:
        read_weights(path)
        outcome = "read"
    except FormatError as error:
        outcome = "refused" if str(error).startswith(f"{path}: ") and "\\n" not in str(error) else f"says {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    watching = False
    opened = {name for event, name in events if event == "open" and not name.isdigit()}  # not by a handle
    seconds = time.monotonic() - start
    names = sorted({event for event, _ in events})
    found.append((path, outcome, names, sorted(opened - {path}), peak() - before, seconds))
print(json.dumps(found))
"""
#: where a file of HDF5 may name another
PLACES = [
    *("model_weights", "layers", "layers/a", "layers/a/vars", "a/vars/0"),
    *("listed layer", "listed weights", "virtual", "virtual without end", "storage"),
]
#: opening the file, and the parser of Python on the header of an array of NumPy, of which literals are taken alone
HARMLESS = {"open", "compile", "builtins.id"}


def test_hostile_files_are_refused_and_nothing_of_them_runs(tmp_path: Path) -> None:
    refused, read = hostile_weights(tmp_path)
    for name, content in sound_files().items():
        (tmp_path / f"sound-{name}").write_bytes(content)
    (tmp_path / "cases.json").write_text(json.dumps(refused + read))
    done = run_python(READ, str(tmp_path), PYTHONDONTWRITEBYTECODE="1", OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    events = Counter(event for _, _, names, *_ in found for event in names)
    megabytes, seconds = (max(each[place] for each in found) for place in (4, 5))
    print(f"{len(found)} files, events {dict(events)}, {megabytes} MB, {seconds:.1f} s for the slowest")
    wrong = [
        (path, outcome) for path, outcome, *_ in found if outcome != ("read" if path in read else "refused")
    ]
    assert not wrong, "\n".join(map(str, wrong))
    assert len(refused) >= 300
    assert len(read) == 2
    assert set(events) <= HARMLESS
    assert not [outside for *_, outside, _, _ in found if outside]
    assert megabytes <= 400
    assert seconds <= 60  # a few on a quiet machine
    assert not (tmp_path / "code-ran").exists()


@pytest.mark.parametrize("place", PLACES)
def test_hdf5_that_names_another_file_is_refused_before_that_is_opened(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # whoever opens it waits for ever
    made = hdf5_of(str(tmp_path / "pipe"))
    assert list(made) == PLACES
    (tmp_path / "model.h5").write_bytes(made[place])
    with pytest.raises(
        FormatError, match=r"model\.h5: refused: .* (is a link to another place|lies in another file)"
    ):
        read_weights(tmp_path / "model.h5")


@pytest.mark.parametrize("name", ["lambda.h5", "lambda.keras"])
def test_code_in_the_topology_of_keras_stays_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(lambdas()[name])
    topology = read_weights(tmp_path / name).topology
    assert isinstance(topology, dict)
    assert topology["config"]["layers"][0]["class_name"] == "Lambda"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", r"the HDF5 library crashed \(exit code -?\d+\)"),
        ("import time; time.sleep(200)", "the HDF5 library did not end within 1 s"),
        ("print('12345678')", "damaged"),
    ],
)
def test_a_crash_of_the_process_that_reads_hdf5_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setattr(apart, "_CHILD", code)
    monkeypatch.setattr(apart, "_MOST_SECONDS", 1 if "sleep" in code else 60)
    (tmp_path / "model.h5").write_bytes(sound_files()["model.h5"])
    with pytest.raises(FormatError, match=f"model.h5: .*{words}"):
        read_weights(tmp_path / "model.h5")


def test_modules_of_the_folder_are_not_taken_for_those_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.h5").write_bytes(sound_files()["model.h5"])
    for name in ("h5py", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("open('code-ran', 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert read_weights("model.h5").tensors
    assert not (tmp_path / "code-ran").exists()
