"""Random Euler paths: paths that use every edge of a graph once, each path equally likely."""

from __future__ import annotations

import numpy as np

# With fewer paths than this, a walk over Python's lists is faster than one over arrays.
_FEW = 24


def euler_paths(vertices: np.ndarray, n_vertices: int, draws: SharedDraws | KeyedDraws) -> np.ndarray:
    """Draw a uniformly random Euler path for each row, from its first vertex to its last.

    The edges of a row lead from each vertex to the next, so that the row itself is one such path. By the BEST theorem,
    a path is given by the last edge out of each vertex, where these edges form a tree that leads to the last vertex,
    and by any order of the other edges of each vertex.

    Parameters
    ----------
    vertices : (batch, edges + 1) int64
        Numbers from 0 to ``n_vertices`` - 1.
    n_vertices : int
        Number of vertices of each row; some may be absent from it.
    draws : SharedDraws or KeyedDraws
        Source of the random choices. With keys, the path of a row depends only on its own vertices and key, and on
        ``n_vertices``.

    Returns
    -------
    numpy.ndarray
        (batch, edges) int64: the edges in their new order, each given by its place in the old order.

    References
    ----------
    van Aardenne-Ehrenfest and de Bruijn (1951), Circuits and trees in oriented linear graphs; Kandel, Matias,
    Unger and Winkler (1996), doi:10.1016/S0166-218X(97)81456-4.
    """
    batch, n_edges = vertices.shape[0], vertices.shape[1] - 1
    rows = np.arange(batch)[:, None]
    # from here on the vertices of all rows, and their edges, are numbered together
    cells = rows * n_vertices + vertices
    source, targets = cells[:, :-1], cells[:, 1:].ravel()
    degree = np.bincount(source.ravel(), minlength=batch * n_vertices)
    start = np.cumsum(degree) - degree  # edges in order of their sources, rows one after the other
    last = _last_edges(vertices, n_vertices, targets, degree, start, draws)

    order = draws.orders(batch, n_edges)
    keys = vertices[:, :-1].astype(_smallest(n_vertices))
    grouped = np.argsort(np.take_along_axis(keys, order, axis=1), axis=1, kind="stable")
    order = (np.take_along_axis(order, grouped, axis=1) + rows * n_edges).ravel()
    _put_last(order, last, start + degree - 1)
    walk = _walk_lists if batch < _FEW else _walk_arrays
    path: np.ndarray = order[walk(cells[:, 0], targets[order], start, n_edges)]
    edges: np.ndarray = np.ascontiguousarray(path.T) - rows * n_edges
    return edges


def _smallest(n: int) -> type[np.unsignedinteger]:
    """The smallest unsigned dtype for numbers below n; 8 and 16 bits are radix-sorted in linear time."""
    if n <= 1 << 8:
        return np.uint8
    return np.uint16 if n <= 1 << 16 else np.uint32 if n <= 1 << 32 else np.uint64


def _put_last(order: np.ndarray, last: np.ndarray, ends: np.ndarray) -> None:
    """Swap the drawn last edge of each vertex into the last place; the others stay in random order."""
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    with_last = np.flatnonzero(last >= 0)
    here, end = place[last[with_last]], ends[with_last]
    order[here], order[end] = order[end], order[here]


def _last_edges(
    vertices: np.ndarray,
    n_vertices: int,
    targets: np.ndarray,
    degree: np.ndarray,
    start: np.ndarray,
    draws: SharedDraws | KeyedDraws,
) -> np.ndarray:
    """Draw the last edge of each vertex (batch * n_vertices,); -1 for a row's last vertex and for absent ones.

    These edges form a uniform spanning tree, by either form of Wilson's algorithm (1996,
    doi:10.1145/237814.237880): loop-erased random walks, or cycle popping. An edge from a vertex to itself is in no
    tree and never drawn.
    """
    batch, n_edges = vertices.shape[0], vertices.shape[1] - 1
    loop = vertices[:, :-1] == vertices[:, 1:]
    keys = 2 * vertices[:, :-1].astype(_smallest(2 * n_vertices)) + loop
    grouped = np.argsort(keys, axis=1, kind="stable") + np.arange(batch)[:, None] * n_edges
    loops = np.bincount(targets[loop.ravel()], minlength=degree.size)
    root = targets[n_edges - 1 :: n_edges]
    # the edges of each vertex that can be its last: where they start in the order, and how many there are
    edges = (grouped.ravel(), targets, start, degree - loops, root)
    if batch < _FEW and isinstance(draws, SharedDraws):
        return _tree_by_walks(*edges, draws.rng)
    return _tree_by_popping(*edges, draws)


def _tree_by_popping(
    grouped: np.ndarray,
    targets: np.ndarray,
    start: np.ndarray,
    choices: np.ndarray,
    root: np.ndarray,
    draws: SharedDraws | KeyedDraws,
) -> np.ndarray:
    """Cycle popping, all rows at once: vertices draw an edge, and those on cycles draw again until there are none."""
    n_vertices = start.size // root.size
    is_root = np.zeros(start.size, dtype=np.bool_)
    is_root[root] = True
    last = np.full(start.size, -1)
    jump = np.arange(start.size)
    on_cycle = np.zeros(start.size, dtype=np.bool_)
    unjoined = redrawn = np.flatnonzero((choices > 0) & ~is_root)
    while redrawn.size:
        chosen = draws.choices(*np.divmod(redrawn, n_vertices), choices[redrawn])
        last[redrawn] = grouped[start[redrawn] + chosen]
        jump[unjoined] = targets[last[unjoined]]
        # after as many steps as a row has vertices, a walk is at the root or on a cycle
        for _ in range(min(n_vertices, unjoined.size).bit_length()):
            jump[unjoined] = jump[jump[unjoined]]
        reached = jump[unjoined]
        unjoined, reached = unjoined[~is_root[reached]], reached[~is_root[reached]]
        on_cycle[reached] = True  # a cycle leads to all of itself
        redrawn = unjoined[on_cycle[unjoined]]
        on_cycle[redrawn] = False
    return last


def _tree_by_walks(
    grouped: np.ndarray,
    targets: np.ndarray,
    start: np.ndarray,
    choices: np.ndarray,
    root: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Loop-erased walks, one vertex after the other: walk at random to the tree, and keep the last step from each."""
    first = start.tolist()
    n_choices = choices.tolist()
    follow = targets[grouped].tolist()
    joined = (choices == 0).tolist()  # absent vertices need no edge
    for vertex in root.tolist():
        joined[vertex] = True
    chosen = [-1] * start.size
    numbers: list[float] = []
    for begin in np.flatnonzero(choices).tolist():
        vertex = begin
        while not joined[vertex]:
            if not numbers:
                numbers = rng.random(1 << 12).tolist()
            chosen[vertex] = first[vertex] + int(numbers.pop() * n_choices[vertex])
            vertex = follow[chosen[vertex]]
        vertex = begin
        while not joined[vertex]:
            joined[vertex] = True
            vertex = follow[chosen[vertex]]
    places = np.array(chosen, dtype=np.int64)
    return np.where(places < 0, -1, grouped[places])


def _walk_arrays(first: np.ndarray, targets: np.ndarray, start: np.ndarray, n_edges: int) -> np.ndarray:
    """Walk all rows at once: (edges, rows); each visit of a vertex takes its next edge."""
    path = np.empty((n_edges, first.size), dtype=np.int64)
    pointer, vertex = start.copy(), first
    for position in range(n_edges):
        edge = pointer[vertex]
        path[position] = edge
        pointer[vertex] = edge + 1
        vertex = targets[edge]
    return path


def _walk_lists(first: np.ndarray, targets: np.ndarray, start: np.ndarray, n_edges: int) -> np.ndarray:
    """Walk row by row over Python lists; otherwise as :func:`_walk_arrays`."""
    pointer, follow = start.tolist(), targets.tolist()
    path = []
    for vertex in first.tolist():
        for _ in range(n_edges):
            edge = pointer[vertex]
            path.append(edge)
            pointer[vertex] = edge + 1
            vertex = follow[edge]
    return np.array(path, dtype=np.int64).reshape(first.size, n_edges).T


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(words: np.ndarray) -> np.ndarray:
    """Mix 64-bit words: the output function of SplitMix64, a bijection.

    References
    ----------
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    result: np.ndarray = words ^ (words >> np.uint64(31))
    return result


def row_keys(key: int, *numbers: np.ndarray) -> np.ndarray:
    """A 64-bit key for each row, from one key for all and the whole numbers that identify the row."""
    shape = np.broadcast_shapes((1,), *(part.shape for part in numbers))
    keys = np.full(shape, key % 2**64, dtype=np.uint64)
    for part in numbers:
        # arrays of one dimension or more wrap around without a warning
        keys = mixed(keys + (np.broadcast_to(part, shape).astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    return keys


class SharedDraws:
    """Draws from one generator; the draws of a row depend on the rows before it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def orders(self, batch: int, count: int) -> np.ndarray:
        """A random order of ``count`` items for each row."""
        return self.rng.permuted(np.broadcast_to(np.arange(count), (batch, count)), axis=1)

    def choices(self, rows: np.ndarray, places: np.ndarray, below: np.ndarray) -> np.ndarray:
        """A whole number from 0 to ``below`` - 1 for each place of a row."""
        return self.rng.integers(0, below)


class KeyedDraws:
    """Draws that depend only on the key of their row.

    Word number t of a row is ``mixed(key + t golden)``, SplitMix64's sequence. Orders use the words from 0 on; each
    later round of choices uses those from 2^32 times its number on.
    """

    def __init__(self, keys: np.ndarray) -> None:
        self.keys = keys
        self._round = 0

    def orders(self, batch: int, count: int) -> np.ndarray:
        """As :meth:`SharedDraws.orders`: the order that sorts ``count`` random words."""
        return np.argsort(
            mixed(self.keys[:batch, None] + np.arange(count, dtype=np.uint64) * _GOLDEN), axis=1
        )

    def choices(self, rows: np.ndarray, places: np.ndarray, below: np.ndarray) -> np.ndarray:
        """As :meth:`SharedDraws.choices`."""
        self._round += 1
        counter = places.astype(np.uint64) + np.uint64(self._round << 32)
        words = mixed(self.keys[rows] + counter * _GOLDEN)
        chosen: np.ndarray = ((words >> np.uint64(11)) * 2.0**-53 * below).astype(np.int64)
        return chosen
