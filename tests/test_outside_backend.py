"""A backend from a package that genoml knows nothing of: found, listed, trained on and evaluated with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from support.subprocesses import output_of, run_python

MODULE = '''
"""NumPy behind a backend that counts what it does."""
import atexit, os, sys
import array_api_compat.numpy as xp
import numpy as np
from genoml.backend import Backend
from genoml.ops.conv1d import conv1d_vjp

counts = {"asarray": 0, "to_numpy": 0, "conv1d": 0}


def counted_conv1d(x, w, stride=1, dilation=1, workers=None):
    counts["conv1d"] += 1
    return conv1d_vjp.standard(x, w, stride, dilation)


class CountingBackend(Backend):
    name = "countingnumpy"
    twins = {"conv1d_vjp": counted_conv1d, "max_pool1d_vjp": lambda *arguments: NotImplemented}

    def __init__(self):
        self.xp, self.device = xp, "cpu"

    def owns(self, array):
        return isinstance(array, (np.ndarray, np.generic))

    def asarray(self, values, dtype=None):
        counts["asarray"] += 1
        return np.array(values, dtype=dtype)

    def to_numpy(self, array):
        counts["to_numpy"] += 1
        return np.asarray(array)

    def describe(self):
        return {"device": "an abacus", "version": "0.1"}


if "COUNTS" in os.environ:
    atexit.register(lambda: print(counts, file=open(os.environ["COUNTS"], "w")))
'''
METADATA = "Metadata-Version: 2.1\nName: countingnumpy\nVersion: 0.1\n"
ENTRY_POINTS = "[genoml.backends]\ncountingnumpy = countingnumpy:CountingBackend\n"
COMMAND = "import sys; from genoml.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as an installer would leave it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "countingnumpy.py").write_text(MODULE)
    facts = folder / "countingnumpy-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(METADATA)
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Positives with a motif, negatives without."""
    folder, rng = tmp_path_factory.mktemp("sequences"), np.random.default_rng(0)
    paths = []
    for name, motif in (("positives", "TGACTCATGACTCA"), ("negatives", "")):
        lines = []
        for i in range(40):
            letters = "".join(rng.choice(list("ACGT"), 60))
            lines.append(f">{name}{i}\n{letters[:20]}{motif}{letters[20 + len(motif) :]}\n")
        (folder / f"{name}.fa").write_text("".join(lines))
        paths.append(str(folder / f"{name}.fa"))
    return paths[0], paths[1]


def test_it_is_listed(site: Path) -> None:
    lines = output_of(COMMAND, "backends", path=site).splitlines()
    assert any("countingnumpy" in line and "0.1 on an abacus" in line for line in lines)
    assert any("numpy" in line and line.startswith("*") for line in lines)


def test_it_is_the_default_through_the_environment(site: Path) -> None:
    lines = output_of(COMMAND, "backends", path=site, GENOML_BACKEND="countingnumpy").splitlines()
    assert any(line.startswith("* countingnumpy") for line in lines)


def test_it_is_unknown_where_its_package_is_not() -> None:
    done = run_python("import genoml; genoml.get_backend('countingnumpy')")
    assert "unknown backend 'countingnumpy'" in done.stderr


def test_it_trains_and_evaluates_by_the_command(
    site: Path, sequences: tuple[str, str], tmp_path: Path
) -> None:
    run, counts = tmp_path / "run", tmp_path / "counts"
    flags = ["--model", "promoter_cnn", "--epochs", "2", "--batch-size", "16", "--backend", "countingnumpy"]
    output_of(COMMAND, "train", *sequences, "--out", str(run), *flags, path=site, COUNTS=str(counts))
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["backend"]["name"] == "countingnumpy"
    counted = eval(counts.read_text())
    # its own convolution ran, in training and validation; and arrays crossed both ways
    assert counted["conv1d"] >= 10
    assert counted["asarray"] > 0
    assert counted["to_numpy"] > 0
    arguments = ["evaluate", str(run), *sequences, "--json", "--backend", "countingnumpy"]
    scores = json.loads(output_of(COMMAND, *arguments, path=site))
    assert scores["n_positives"] == scores["n_negatives"] == 40
    # a run is not tied to the backend that it was trained on
    on_numpy = json.loads(output_of(COMMAND, *arguments[:-1], "numpy"))
    assert on_numpy.keys() == scores.keys()
    for name, value in scores.items():
        flat = value if isinstance(value, dict) else {name: value}
        for key, wanted in flat.items():
            found = on_numpy[name][key] if isinstance(value, dict) else on_numpy[name]
            assert found == (
                wanted if isinstance(wanted, dict | list) else pytest.approx(wanted, abs=1e-6)
            ), key


def test_its_numbers_are_those_of_numpy(site: Path) -> None:
    code = """
    import sys, numpy as np
    from genoml import nn, use_backend, get_backend
    use_backend(sys.argv[1])
    layer = nn.Sequential([nn.Conv1D(4, 3, 5, dtype="float64"), nn.MaxPool1D(2, dtype="float64")])
    x = get_backend().asarray(np.linspace(-1, 1, 2 * 4 * 20).reshape(2, 4, 20))
    y = layer(x)
    grad = layer.backward(y)
    print(float(y.sum()), float(grad.sum()))
    """
    found = [output_of(code, name, path=site) for name in ("numpy", "countingnumpy")]
    values = [[float(word) for word in line.split()] for line in found]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
