"""Small matrix products as tiles of vectors that stay in the registers, for operands that are packed once.

BLAS packs an operand at every call. Of products with few rows, or with a short inner size, that costs a fifth to half
of the time: on one core whose large products run at 100 GFLOP/s, 32 rows of an LSTM's state take 83 there and 110 here,
and an attention head of 16 features 60 to 75 there and 100 to 110 here.

An entry of a product is a chain of multiply-adds along the inner axis, in its order, whatever tile it lies in.
"""

from __future__ import annotations

from collections.abc import Callable
from platform import machine
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from genoml_numpy.compiled.signatures import FLAG, FLOAT, INT, NOTHING, compiled, given, written


def _vector() -> int:
    """float32 numbers of a vector of this processor, or of the one that Numba is told to compile for."""
    if machine() not in ("x86_64", "AMD64"):
        return 4
    if config.CPU_NAME is not None:
        return 8
    features = binding.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8


#: Numbers of a vector, rows of a wide tile, whose columns are two vectors, and of a narrow one, with one vector.
VECTOR = _vector()
ROWS = 8 if VECTOR == 16 else 4  # the processors with the widest vectors have the most registers
WIDE, NARROW = 2 * VECTOR, VECTOR
NARROW_ROWS = 2 * ROWS
#: Rows of a wide tile that needs divide no block: as many as the registers hold. With 6 in place of 4 rows AVX2 is 1.2
#: times as fast; 12 with AVX-512 is half as fast as 8, since the rows' places no longer fit.
LONG_ROWS = 8 if VECTOR == 16 else 6
#: Rows of a block: a multiple of the rows of either tile. WIDE is one of NARROW_ROWS.
BLOCK = 16
#: Panels that ``multiply_packed`` takes together: their part of c stays in the core's cache, beside them.
GROUP = 4


def _tile(rows: int, vectors: int) -> Callable[..., Any]:
    """The compiler's instruction c[m, n] (+)= sum_t sum_k a[t, m, k] b[t, k, n], a tile of so many rows and vectors.

    It takes each array with the place of its first number: a with the distances of its rows and columns, b and c with
    that of their rows; then the inner size, and whether c is added to; then how many t there are, and their distance
    in a. The rows of b are one behind another over all t. The sums are in registers over both loops.
    """

    def tile(
        typing: Any, a: Any, a_at: Any, a_row: Any, a_column: Any, b: Any, b_at: Any, b_row: Any, c: Any, c_at: Any,
        c_row: Any, inner: Any, add: Any, taps: Any, a_tap: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(a, INT, INT, INT, b, INT, INT, c, INT, INT, INT, FLAG, INT, INT)
        return signature, _emit

    def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, number, flag = ir.VectorType(ir.FloatType(), VECTOR), ir.IntType(64), ir.IntType(32)
        zeros = ir.Constant(ir.VectorType(flag, VECTOR), [0] * VECTOR)
        a, a_at, a_row, a_column, b, b_at, b_row, c, c_at, c_row, inner, add, taps, a_tap = arguments
        a, b, c = (
            builder.gep(context.make_array(signature.args[i])(context, builder, array).data, [at])
            for i, array, at in ((0, a, a_at), (4, b, b_at), (7, c, c_at))
        )
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{VECTOR}f32"
        )
        places = [(m, v) for m in range(rows) for v in range(vectors)]
        sums = {place: cgutils.alloca_once(builder, vector) for place in places}

        def place_in(start: Any, row: Any, m: Any, v: int) -> Any:
            at = builder.add(builder.mul(row, m), ir.Constant(number, v * VECTOR))
            return builder.bitcast(builder.gep(start, [at]), vector.as_pointer())

        def load(place: Any) -> Any:
            return builder.load(place, align=4)

        for place in places:
            builder.store(ir.Constant(vector, [0.0] * VECTOR), sums[place])
        with cgutils.for_range(builder, taps) as tap, cgutils.for_range(builder, inner) as loop:
            b_at = builder.add(builder.mul(tap.index, inner), loop.index)
            read = [load(place_in(b, b_row, b_at, v)) for v in range(vectors)]
            at = builder.add(builder.mul(tap.index, a_tap), builder.mul(loop.index, a_column))
            column = builder.gep(a, [at])
            for m in range(rows):
                one = builder.load(builder.gep(column, [builder.mul(a_row, ir.Constant(number, m))]))
                one = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(flag, 0))
                spread = builder.shuffle_vector(one, one, zeros)
                for v in range(vectors):
                    total = builder.call(multiply_add, [spread, read[v], builder.load(sums[m, v])])
                    builder.store(total, sums[m, v])
        with builder.if_then(add):
            for m, v in places:
                before = load(place_in(c, c_row, ir.Constant(number, m), v))
                builder.store(builder.fadd(before, builder.load(sums[m, v])), sums[m, v])
        for m, v in places:
            place = place_in(c, c_row, ir.Constant(number, m), v)
            builder.store(builder.load(sums[m, v]), place, align=4)
        return context.get_dummy_value()

    emitted: Callable[..., Any] = intrinsic(tile)
    return emitted


wide_tile = _tile(ROWS, 2)
narrow_tile = _tile(NARROW_ROWS, 1)
long_tile = _tile(LONG_ROWS, 2)


@compiled(INT, INT, INT)
def padded(count: Any, size: Any) -> Any:
    """The least multiple of ``size`` that is not below ``count``."""
    return (count + size - 1) // size * size


@compiled(written(FLOAT, 3), given(FLOAT, 2))
def panels_of(matrix: Any) -> Any:
    """(inner, columns) as (panels, inner, WIDE): the columns of each panel side by side, zeros behind the last."""
    inner, columns = matrix.shape
    panels = np.zeros((padded(columns, WIDE) // WIDE, inner, WIDE), np.float32)
    for panel in range(panels.shape[0]):
        for row in range(inner):
            for column in range(min(WIDE, columns - panel * WIDE)):
                panels[panel, row, column] = matrix[row, panel * WIDE + column]
    return panels


@compiled(NOTHING, given(FLOAT, 2), INT, given(FLOAT, 3), INT, INT, written(FLOAT, 2))
def multiply_wide(a: Any, start: Any, b: Any, first: Any, last: Any, c: Any) -> None:
    """c = the rows of a from ``start`` on, as many as c has, times the panels ``first`` to ``last`` of b.

    Shapes
    ------
    a : (rows, inner);  b : (panels, inner, WIDE), see ``panels_of``;  c : (a multiple of ROWS, (last - first) WIDE)
    """
    inner, width = a.shape[1], c.shape[1]
    for panel in range(first, last):
        for row in range(0, c.shape[0], ROWS):
            at = row * width + (panel - first) * WIDE
            wide_tile(
                a, (start + row) * inner, inner, 1, b, panel * b.shape[1] * WIDE, WIDE, c, at, width, b.shape[1], False,
                1, 0,
            )  # fmt: skip


@compiled(NOTHING, given(FLOAT, 3), given(FLOAT, 3), INT, written(FLOAT, 2), FLAG)
def multiply_packed(a: Any, b: Any, inner: Any, c: Any, add: Any) -> None:
    """c (+)= sum_k a[:, k]^T b[:, k] for the first ``inner`` values of k: the rows of a lie in tiles, b in panels.

    Shapes
    ------
    a : (tiles, any, ROWS);  b : (panels, any, WIDE);  c : (tiles ROWS, panels WIDE)
    """
    width = c.shape[1]
    for start in range(0, b.shape[0], GROUP):
        for tile in range(a.shape[0]):
            for panel in range(start, min(start + GROUP, b.shape[0])):
                wide_tile(
                    a, tile * a.shape[1] * ROWS, 1, ROWS, b, panel * b.shape[1] * WIDE, WIDE, c,
                    tile * ROWS * width + panel * WIDE, width, inner, add, 1, 0,
                )  # fmt: skip


@compiled(
    NOTHING, given(FLOAT, 2), INT, INT, INT, INT, given(FLOAT, 2), INT, INT, written(FLOAT, 2), INT, INT, FLAG
)  # fmt: skip
def multiply_narrow(
    a: Any, start: Any, row: Any, column: Any, rows: Any, b: Any, first: Any, last: Any, c: Any, to: Any, width: Any,
    add: Any,
) -> None:  # fmt: skip
    """c[to + m, :] (+)= sum_k a'[m, k] b[first + k, :] for ``rows`` values of m and last - first of k.

    a'[m, k] is the number at start + m row + k column of a's memory: a itself, or its transpose.

    Shapes
    ------
    b, c : (any, width), rows and width being multiples of NARROW_ROWS and NARROW
    """
    for m in range(0, rows, NARROW_ROWS):
        for at in range(0, width, NARROW):
            narrow_tile(
                a, start + m * row, row, column, b, first * width + at, width, c, (to + m) * width + at, width,
                last - first, add, 1, 0,
            )  # fmt: skip
