"""Array operations that the standard lacks, each written once with standard functions.

A backend may have its own faster version of an operation, its twin; see :mod:`genoml.ops.dispatch`.
"""
