"""Files of any format: which converter, and what is said of those that lack something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genoml.convert import ConvertError, convert_file
from genoml.io import read_weights
from genoml.io.weights import WeightsFile
from genoml.models import build_model

HERE = Path(__file__).parent / "specimens"


def arrays_of(format_: str, **arrays: np.ndarray) -> WeightsFile:
    return WeightsFile("w.file", format_, arrays, None, {}, "")


def test_weights_of_keras_alone_need_their_topology() -> None:
    whole = read_weights(HERE / "plain-2.h5")
    alone = WeightsFile("w.h5", "keras", whole.tensors, None, {}, "")
    with pytest.raises(ConvertError, match=r"w.h5: import: holds weights without the model; .* --topology"):
        convert_file(alone)
    x = np.ascontiguousarray(np.load(HERE / "plain-2.h5.npz")["x"].transpose(0, 2, 1))
    found = convert_file(alone, topology=whole.topology).network(x)
    np.testing.assert_array_equal(found, convert_file(whole).network(x))


@pytest.mark.parametrize("format_", ["pytorch", "safetensors", "numpy"])
def test_arrays_alone_need_a_recipe(format_: str) -> None:
    with pytest.raises(
        ConvertError, match=r"w.file: import: holds arrays and not how .* --recipe \(basset, .*ONNX"
    ):
        convert_file(arrays_of(format_, w=np.zeros(3)))


def test_a_context_without_a_recipe_that_has_one_is_refused() -> None:
    with pytest.raises(ConvertError, match="--context has a meaning with a --recipe"):
        convert_file(read_weights(HERE / "plain-2.h5"), context=80)
    with pytest.raises(ConvertError, match="basset has no context to choose, --context says 80"):
        convert_file(arrays_of("pytorch"), recipe="basset", context=80)


def test_arrays_with_genomls_own_names_are_a_recipe() -> None:
    model = build_model("promoter_cnn")
    arrays = {name: np.asarray(value) for name, value in {**model.params, **model.state}.items()}
    x = np.random.default_rng(0).normal(size=(2, 4, 60)).astype(np.float32)
    found = convert_file(arrays_of("safetensors", **arrays), recipe="genoml:promoter_cnn").network(x)
    np.testing.assert_array_equal(found, model(x))
