"""Files that PyTorch writes are read as it holds them, whatever the types, views and form of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from genoml.io import FormatError, read_weights

DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
]
FORMS = {"zip": True, "stream": False}


def expect_same(path: Path, state: dict[str, torch.Tensor]) -> None:
    found = read_weights(path).tensors
    assert list(found) == list(state)
    for name, value in state.items():
        value = value.detach()
        expected = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        assert found[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_every_dtype_and_view_is_read(form: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = {name: (torch.randn(3, 4) * 50).to(getattr(torch, name)) for name in DTYPES}
    whole = torch.randn(6, 4, 5)
    state |= {
        "whole": whole, "turned": whole.permute(2, 0, 1), "steps": whole[1::2, :, ::3], "row": whole[5, 3],
        "wide": whole[:, :1, :1].expand(6, 7, 1), "one": torch.tensor(3.5), "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2)), "flat": whole.reshape(-1), "flipped": whole.flip(0),
    }  # fmt: skip
    torch.save(state, tmp_path / "w", _use_new_zipfile_serialization=FORMS[form])
    expect_same(tmp_path / "w", state)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_state_dicts_of_networks_are_read(form: str, protocol: int, tmp_path: Path) -> None:
    torch.manual_seed(2)
    layers = [torch.nn.Conv1d(4, 8, 5), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3), torch.nn.LSTM(3, 4)]
    network = torch.nn.ModuleList([*layers, torch.nn.MultiheadAttention(8, 2)])
    optimiser = torch.optim.Adam(network.parameters())
    checkpoint = {"epoch": 3, "state_dict": network.state_dict(), "optimizer": optimiser.state_dict()}
    options: dict[str, Any] = {"_use_new_zipfile_serialization": FORMS[form], "pickle_protocol": protocol}
    for content in (network.state_dict(), checkpoint):
        torch.save(content, tmp_path / "w", **options)
        expect_same(tmp_path / "w", network.state_dict())


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_network_is_refused_with_its_class(form: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 1)), path, _use_new_zipfile_serialization=FORMS[form])
    words = r"w.pt: refused: torch.nn.modules.container.Sequential, a class of a whole model; only tensors are read"
    with pytest.raises(FormatError, match=words):
        read_weights(path)


def test_a_program_of_torchscript_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "w.pt")
    with ZipFile(tmp_path / "w.pt", "a") as archive:
        archive.writestr("w/code/__torch__.py", "")
    with pytest.raises(FormatError, match="refused: TorchScript, which holds a program"):
        read_weights(tmp_path / "w.pt")
