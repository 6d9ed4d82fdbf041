"""What the emulated GPU consists of: a library for the driver, the runtime and NVRTC, one for cuBLAS, and headers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .binary import functions_of, module_file

SOURCE = Path(__file__).with_name("source")
#: what ``genoml backends`` and every record of a run say of it
DEVICE_NAME = "no GPU: CuPy on the CPU, by the tests"
#: of the kernels; CUDA joins a product and a sum into one operation
FLAGS = "-std=c++17 -O1 -fwrapv -mfma -ffp-contract=fast -w -fPIC"
#: of genoml's own besides
OWN_FLAGS = "-fno-wrapv -fsanitize=undefined"
RUNTIME, CUBLAS, THRUST = (
    "cupy_backends.cuda.api.runtime", "cupy_backends.cuda.libs.cublas", "cupy.cuda.thrust",
)  # fmt: skip
#: with the vectors that FLAGS ask for: products are loops
_OF_LIBRARY = ["-std=c++17", "-O3", "-mavx2", "-mfma", "-fPIC", "-shared", "-w"]


class CannotEmulateError(RuntimeError):
    """What the variant cupy-on-host lacks here."""


@cache
def home() -> Path:
    """The folder of this version's library and headers, in $GENOML_CUPY_ON_HOST_CACHE or ~/.cache."""
    try:
        wheel = module_file(CUBLAS)
    except ModuleNotFoundError as error:
        raise CannotEmulateError("cupy-on-host needs CuPy's wheel: pip install --group test-cupy") from error
    if not shutil.which("g++"):
        raise CannotEmulateError(
            "cupy-on-host needs g++, which compiles CuPy's kernels for the CPU: install it"
        )
    given = os.environ.get("GENOML_CUPY_ON_HOST_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "genoml-cupy-on-host"
    return folder / _digest(
        f"{wheel} {wheel.stat().st_size} {DEVICE_NAME} {_OF_LIBRARY}", *SOURCE.glob("*.*")
    )


@cache
def kernels() -> Path:
    """The folder where CuPy keeps what was compiled: for this compiler, and as kernels are made now."""
    return home().with_name("kernels-" + _digest("", SOURCE / "driver.cpp", *SOURCE.glob("*.h")))


def _digest(words: str, *files: Path) -> str:
    compiler = subprocess.run(["g++", "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(f"{words} {FLAGS} {OWN_FLAGS}".encode() + compiler)
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def built() -> Path:
    """Make what is missing of it; the folder."""
    made = home()
    if not (made / "symbols.json").exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as name:
            folder = Path(name) / "made"
            shutil.copytree(SOURCE, folder)
            _libraries(folder, made)
            (folder / "symbols.json").write_text(json.dumps(_symbols(folder)))
            if not made.exists():
                folder.rename(made)  # whole or not at all, for processes that begin at once
        _headers(made)
    return made


def cublas_name() -> str:
    """As the wheel asks for it: libcublas.so.12."""
    return re.findall(rb"libcublas\.so\.\d+", module_file(CUBLAS).read_bytes())[0].decode()


def _compile(*words: str | Path) -> None:
    done = subprocess.run(["g++", *map(str, words)], cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotEmulateError(f"the emulated GPU does not compile:\n{done.stderr}")


def _libraries(folder: Path, made: Path) -> None:
    major = int(cublas_name().rpartition(".")[2])
    linker = "-fuse-ld=gold" if shutil.which("ld.gold") else ""  # twice as fast
    texts = {
        "HOME": str(made), "FLAGS": f"{FLAGS} {linker}", "OWN_FLAGS": OWN_FLAGS, "DEVICE_NAME": DEVICE_NAME,
    }  # fmt: skip
    defined = [f'-D{name}="{text}"' for name, text in texts.items()] + [f"-DCUDA_VERSION={1000 * major}"]
    library = folder / "libcuda.so.1"
    sources = ("runtime.cpp", "driver.cpp", "fibres.cpp", "thrust.cpp")
    _compile(*_OF_LIBRARY, *defined, *sources, "-ldl", f"-Wl,-soname,{library.name}", "-o", library)
    # whatever else CuPy's module looks for answers that it is not supported
    functions, text = re.compile(rb"cublas[A-Z]\w+"), (SOURCE / "cublas.cpp").read_bytes()
    missing = {*functions.findall(module_file(CUBLAS).read_bytes())} - {*functions.findall(text)}
    (folder / "missing.cpp").write_text(
        "".join(f'extern "C" int {name.decode()}() {{ return 15; }}\n' for name in sorted(missing))
    )
    (folder / "versions").write_text(f"{cublas_name()} {{ *; }};\n")
    named = f"-Wl,-soname,{cublas_name()},--version-script={folder / 'versions'}"
    sources = ("cublas.cpp", folder / "missing.cpp", library)
    _compile(*_OF_LIBRARY, *defined, *sources, named, "-o", folder / cublas_name())


def _symbols(folder: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Addresses of what jumps and of where to; read once, since CuPy's files are large."""
    own = functions_of(folder / "libcuda.so.1")
    sorts = [name for name in own if name.startswith("_Z") and "thrust_" in name]
    runtime, thrust = functions_of(module_file(RUNTIME)), functions_of(module_file(THRUST))
    return {
        "own": {name: own[name] for name in own if name.startswith(("cuda", "emulated_")) or name in sorts},
        RUNTIME: {name: runtime[name] for name in runtime if name.startswith(("cuda", "PyInit_"))},
        THRUST: {name: thrust[name] for name in thrust if name in sorts or name.startswith("PyInit_")},
    }


def _headers(made: Path) -> None:
    """CUDA's words, and for CuPy's kernels its arrays, compiled once."""
    core = module_file("cupy._core.core").parent / "include"
    names = ("complex.cuh", "carray.cuh", "atomics.cuh", "math_constants.h")
    of_cupy = "".join(f"#include <cupy/{name}>\n" for name in names)
    for header, flags, more in (("all.h", [], of_cupy), ("own.h", OWN_FLAGS.split(), "")):
        (made / header).write_text(f'#include "words.h"\n{more}')
        compiled = made / f"{header}.{os.getpid()}"
        _compile(*FLAGS.split(), *flags, f"-I{made}/thrust_words", f"-I{core}", "-x", "c++-header", made / header,
                 "-o", compiled)  # fmt: skip
        compiled.replace(made / f"{header}.gch")
