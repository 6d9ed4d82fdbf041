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
RUNTIME, CUBLAS, THRUST = (
    "cupy_backends.cuda.api.runtime", "cupy_backends.cuda.libs.cublas", "cupy.cuda.thrust",
)  # fmt: skip
_OF_LIBRARY = ["-std=c++17", "-O2", "-fPIC", "-shared", "-w"]


class CannotEmulate(RuntimeError):
    """What the variant cupy-on-host lacks here."""


@cache
def home() -> Path:
    """The folder of this version's library, headers and kernels, under $GENOML_CUPY_ON_HOST_CACHE or ~/.cache."""
    try:
        wheel = module_file(CUBLAS)
    except ModuleNotFoundError as error:
        raise CannotEmulate("cupy-on-host needs CuPy's wheel: pip install 'genoml-xp[test-cupy]'") from error
    if not shutil.which("g++"):
        raise CannotEmulate("cupy-on-host needs g++, which compiles CuPy's kernels for the CPU: install it")
    digest = hashlib.sha256(f"{SOURCE} {wheel} {wheel.stat().st_size} {FLAGS} {DEVICE_NAME}".encode())
    for path in sorted(SOURCE.rglob("*.*")):
        digest.update(path.read_bytes())
    digest.update(subprocess.run(["g++", "--version"], capture_output=True, check=True).stdout)
    given = os.environ.get("GENOML_CUPY_ON_HOST_CACHE")
    cache_folder = Path(given) if given else Path.home() / ".cache" / "genoml-cupy-on-host"
    return cache_folder / digest.hexdigest()[:16]


def build() -> Path:
    """Make what is missing of it; the folder."""
    made = home()
    if not (made / "symbols.json").exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as name:
            folder = Path(name) / "made"
            folder.mkdir()
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
        raise CannotEmulate(f"the emulated GPU does not compile:\n{done.stderr}")


def _libraries(folder: Path, made: Path) -> None:
    major = int(cublas_name().rpartition(".")[2])
    texts = {"HOME": str(made), "SOURCE": str(SOURCE), "FLAGS": FLAGS, "DEVICE_NAME": DEVICE_NAME}
    defined = [f'-D{name}="{text}"' for name, text in texts.items()] + [f"-DCUDA_VERSION={1000 * major}"]
    library = folder / "libcuda.so.1"
    _compile(*_OF_LIBRARY, *defined, "runtime.cpp", "driver.cpp", "thrust.cpp", "-ldl", f"-Wl,-soname,{library.name}",
             "-o", library)  # fmt: skip
    # whatever else CuPy's module looks for answers that it is not supported
    functions, text = re.compile(rb"cublas[A-Z]\w+"), (SOURCE / "cublas.cpp").read_bytes()
    missing = {*functions.findall(module_file(CUBLAS).read_bytes())} - {*functions.findall(text)}
    (folder / "missing.cpp").write_text(
        "".join(f'extern "C" int {name.decode()}() {{ return 15; }}\n' for name in sorted(missing))
    )
    (folder / "versions").write_text(f"{cublas_name()} {{ *; }};\n")
    _compile(*_OF_LIBRARY, *defined, "cublas.cpp", folder / "missing.cpp", library,
             f"-Wl,-soname,{cublas_name()},--version-script={folder / 'versions'}", "-o", folder / cublas_name())  # fmt: skip


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
    """CUDA's words and CuPy's arrays, compiled once for kernels with barriers and for those without."""
    core = module_file("cupy._core.core").parent / "include"
    names = ("complex", "carray", "atomics", "math_constants")
    for kind, define in (("plain", []), ("fibres", ["-DFIBRES"])):
        folder = made / kind
        folder.mkdir(exist_ok=True)
        (folder / "words.h").write_text(f'#include "{SOURCE}/words.h"\n')
        endings = {"math_constants": "h"}
        includes = "".join(f"#include <cupy/{name}.{endings.get(name, 'cuh')}>\n" for name in names)
        (folder / "all.h").write_text(f'#include "words.h"\n{includes}')
        made_header = folder / f"all.{os.getpid()}.gch"
        _compile(*FLAGS.split(), *define, f"-I{SOURCE}/thrust_words", f"-I{core}", "-x", "c++-header", folder / "all.h",
                 "-o", made_header)  # fmt: skip
        made_header.replace(folder / "all.h.gch")
