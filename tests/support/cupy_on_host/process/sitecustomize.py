"""Run by every Python that finds this folder first: CuPy is put on the CPU as soon as it is imported."""

import importlib.util
import os
import sys
from pathlib import Path

if os.environ.get("GENOML_CUPY_ON_HOST"):
    folder = Path(__file__).resolve().parents[1]
    name = "genoml_cupy_on_host"  # the tests' folder need not be on the path
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.on_import()
