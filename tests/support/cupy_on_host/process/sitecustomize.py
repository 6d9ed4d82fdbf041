"""Run by every Python that finds this folder first: CuPy is put on the CPU as soon as it is imported."""

import importlib.util
import os
from pathlib import Path

if os.environ.get("GENOML_CUPY_ON_HOST"):
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "cupy_on_host", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["cupy_on_host"] = module
    spec.loader.exec_module(module)
    module.on_import()
