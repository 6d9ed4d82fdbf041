"""Keras' files read in a process of their own, since damaged HDF5 can crash its library, or stop it for ever.

The file comes in as bytes; out come the length of a JSON object, the object, and the arrays' bytes in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np

from genoml.io.weights.contents import Contents, WeightsError, describe_damage, numbers
from genoml.io.weights.keras import read_keras

#: seconds that the process may take; a network of 700,000 numbers takes half of one
_MOST_SECONDS = 60
#: memory beyond that of the modules: this, and so many times the file
_MEMORY = 512 << 20
_COPIES = 8
_CHILD = "from genoml.io.weights.apart import answer; answer()"


def read_apart(content: bytes) -> Contents:
    """Read a file of Keras in another process.

    Raises
    ------
    WeightsError
        If it is refused, or the process crashes or takes too long.
    ModuleNotFoundError
        Without h5py.
    """
    if find_spec("h5py") is None:
        raise ModuleNotFoundError("needs h5py; pip install 'genoml-xp[hdf5]'", name="h5py")
    # the same modules, and none of the folder that it is in (-P); one thread, which takes less memory
    places = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-c", _CHILD]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, env=os.environ | places, timeout=_MOST_SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"damaged: the HDF5 library did not end within {_MOST_SECONDS} s") from error
    if done.returncode:
        raise WeightsError(f"damaged: the HDF5 library crashed (exit code {done.returncode})")
    return _unpacked(memoryview(done.stdout))


def _unpacked(answer: memoryview) -> Contents:
    end = 8 + int.from_bytes(answer[:8], "little")
    head = json.loads(bytes(answer[8:end]))
    if "refused" in head:
        raise WeightsError(head["refused"])
    tensors = {}
    for name, code, shape in head["arrays"]:
        start, end = end, end + np.dtype(code).itemsize * prod(shape)
        tensors[name] = numbers(name, answer[start:end], code, shape)
    return Contents("keras", tensors, head["topology"], head["metadata"])


def answer() -> None:
    """Read the file on standard input, and write what it holds to standard output; run by ``read_apart``."""
    content, arrays = sys.stdin.buffer.read(), list[np.ndarray]()
    try:
        import h5py  # noqa: F401 - before memory is limited

        _limit(len(content))
        found = read_keras(content)
        arrays = [value.astype(value.dtype.newbyteorder("<")) for value in found.tensors.values()]
        about = [(name, value.dtype.str[1:], value.shape) for name, value in found.tensors.items()]
        head: dict[str, Any] = {"arrays": about, "topology": found.topology, "metadata": found.metadata}
    except WeightsError as error:
        head = {"refused": str(error)}
    except Exception as error:  # what h5py raises at damaged files is not documented
        head = {"refused": describe_damage(error)}
    text = json.dumps(head).encode()
    sys.stdout.buffer.write(len(text).to_bytes(8, "little") + text)
    for value in arrays:
        sys.stdout.buffer.write(value.tobytes())


def _limit(size: int) -> None:
    """Limit memory and time of this process, where the system can."""
    if not os.path.exists("/proc/self/statm"):
        return
    import resource

    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    most = taken + _MEMORY + _COPIES * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
