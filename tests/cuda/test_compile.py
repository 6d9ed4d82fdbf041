"""The CUDA sources compile for every generation of GPUs since Volta, and are in the wheel."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from genoml_cupy import launch
from genoml_cupy.launch import OPTIONS, REALS, source
from support.nvrtc import ARCHITECTURES, CompileError, compile_cubin, kernel_files, kernels_in

ROOT = Path(__file__).resolve().parents[2]
#: double precision is for checks of gradients: compiled for one generation, and for the host
TARGETS = [("float32", architecture) for architecture in ARCHITECTURES] + [("float64", 80)]


@pytest.mark.parametrize(("dtype", "architecture"), TARGETS)
@pytest.mark.parametrize("file", kernel_files())
def test_a_file_of_kernels_compiles_without_a_warning(file: str, dtype: str, architecture: int) -> None:
    text = source(file)
    code = compile_cubin(text, (*OPTIONS, f"-DREAL={REALS[dtype]}"), architecture)
    assert code.startswith(b"\x7fELF")
    for name in kernels_in(text):
        assert f".text.{name}\0".encode() in code


@pytest.mark.parametrize("line", ["x[0] = undefined_thing;", "int unused = 3;"])
def test_an_error_and_a_warning_are_told_with_their_line(line: str) -> None:
    text = f'extern "C" __global__ void k(float* x) {{\n  {line}\n}}\n'
    with pytest.raises(CompileError, match=r"kernels.cu\(2\): (error|warning)"):
        compile_cubin(text, OPTIONS, 80)


def test_every_kernel_is_launched_by_a_twin_and_every_launch_has_a_kernel() -> None:
    twins = "".join(path.read_text() for path in Path(launch.__file__).parent.glob("twins/*.py"))
    for file in kernel_files():
        for name in kernels_in(source(file)):
            assert f'"{name}"' in twins
    assert set(re.findall(r'launch\(\s*"(\w+)",\s', twins)) == set(kernel_files())


def test_the_wheel_holds_the_folder_of_the_kernels() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    wheel = targets["wheel"]
    assert "backends/genoml_cupy" in wheel["packages"]  # whole, whatever a file's suffix
    assert not {"exclude", "include", "only-include"} & set(wheel)
