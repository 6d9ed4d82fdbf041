"""``pytest -p support.no_pool``: each of CuPy's arrays is an allocation of its own, whose end memory checkers see."""

import cupy

cupy.cuda.set_allocator(None)
