"""genoml: deep learning for genomics, one code base on NumPy and CuPy."""

from genoml.backend import Backend, BackendError, get_backend, use_backend

__version__ = "0.1.0"
