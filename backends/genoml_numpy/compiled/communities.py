"""Compiled loops of genoml.explain.discovery.communities: the same steps in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from genoml_numpy.compiled.signatures import INT, NOTHING, compiled, given, written

_NUMBERS = given(INT, 1)
_WEIGHTS = given(types.float64, 1)


@compiled(NOTHING, _NUMBERS, _NUMBERS, _WEIGHTS, _WEIGHTS, written(INT, 1), _NUMBERS)
def move_nodes(at: Any, node: Any, weight: Any, strength: Any, labels: Any, order: Any) -> None:
    """See genoml.explain.discovery.communities.move_nodes."""
    n = strength.shape[0]
    total = strength.sum()
    sums = np.zeros(n)
    sizes = np.zeros(n, np.int64)
    for v in range(n):
        sums[labels[v]] += strength[v]
        sizes[labels[v]] += 1
    empty = np.empty(n, np.int64)
    free = 0
    for c in range(n - 1, -1, -1):
        if sizes[c] == 0:
            empty[free] = c
            free += 1
    queue = order.copy()
    waiting = np.ones(n, np.bool_)
    head, queued = 0, n
    shared = np.zeros(n)
    seen = np.zeros(n, np.bool_)
    touched = np.empty(n, np.int64)
    while queued > 0:
        v = queue[head]
        head = head + 1 if head + 1 < n else 0
        queued -= 1
        waiting[v] = False
        own = labels[v]
        sums[own] -= strength[v]
        count = 0
        for entry in range(at[v], at[v + 1]):
            u = node[entry]
            c = labels[u]
            if not seen[c]:
                seen[c] = True
                touched[count] = c
                count += 1
            if u != v:
                shared[c] += weight[entry]
        chosen = own
        staying = shared[own] - strength[v] * sums[own] / total + 1e-12
        best = staying
        for i in range(count):
            c = touched[i]
            gain = shared[c] - strength[v] * sums[c] / total
            if c != own and (gain > best or (gain == best and best > staying and c < chosen)):
                best = gain
                chosen = c
        for i in range(count):
            shared[touched[i]] = 0.0
            seen[touched[i]] = False
        if best < 0 and free > 0 and sizes[own] > 1:
            free -= 1
            chosen = empty[free]
        sums[chosen] += strength[v]
        if chosen != own:
            labels[v] = chosen
            sizes[chosen] += 1
            sizes[own] -= 1
            if sizes[own] == 0:
                empty[free] = own
                free += 1
            for entry in range(at[v], at[v + 1]):
                u = node[entry]
                if labels[u] != chosen and not waiting[u]:
                    waiting[u] = True
                    tail = head + queued
                    queue[tail if tail < n else tail - n] = u
                    queued += 1


@compiled(NOTHING, _NUMBERS, _NUMBERS, _WEIGHTS, _WEIGHTS, _NUMBERS, _NUMBERS, written(INT, 1))
def refine_nodes(at: Any, node: Any, weight: Any, strength: Any, labels: Any, order: Any, parts: Any) -> None:
    """See genoml.explain.discovery.communities.refine_nodes."""
    n = strength.shape[0]
    total = strength.sum()
    whole = np.zeros(n)
    for v in range(n):
        whole[labels[v]] += strength[v]
    sums = strength.copy()
    sizes = np.ones(n, np.int64)
    outward = np.zeros(n)
    for v in range(n):
        for entry in range(at[v], at[v + 1]):
            if node[entry] != v and labels[node[entry]] == labels[v]:
                outward[v] += weight[entry]
    shared = np.zeros(n)
    seen = np.zeros(n, np.bool_)
    touched = np.empty(n, np.int64)
    for place in range(n):
        v = order[place]
        k = strength[v]
        of_whole = whole[labels[v]]
        if sizes[v] != 1 or parts[v] != v or outward[v] < k * (of_whole - k) / total:
            continue
        count = 0
        for entry in range(at[v], at[v + 1]):
            u = node[entry]
            if u != v and labels[u] == labels[v]:
                c = parts[u]
                if not seen[c]:
                    seen[c] = True
                    touched[count] = c
                    count += 1
                shared[c] += weight[entry]
        best = -1.0
        chosen = v
        for i in range(count):
            c = touched[i]
            if outward[c] >= sums[c] * (of_whole - sums[c]) / total:
                gain = shared[c] - k * sums[c] / total
                if gain >= 0 and (gain > best or (gain == best and c < chosen)):
                    best = gain
                    chosen = c
        if chosen != v:
            parts[v] = chosen
            outward[chosen] += outward[v] - 2 * shared[chosen]
            sums[chosen] += k
            sizes[chosen] += 1
            sizes[v] = 0
        for i in range(count):
            shared[touched[i]] = 0.0
            seen[touched[i]] = False


def gather_communities(at: Any, node: Any, weight: Any, parts: Any, count: int) -> Any:
    """See genoml.explain.discovery.communities.gather_communities."""
    members = np.argsort(parts, kind="stable")
    bounds = np.searchsorted(parts[members], np.arange(count + 1))
    new_at = np.zeros(count + 1, np.int64)
    new_node, new_weight = np.empty(len(node), np.int64), np.empty(len(node))
    _gather(at, node, weight, parts, members, bounds, new_at, new_node, new_weight)
    return new_at, new_node[: new_at[-1]].copy(), new_weight[: new_at[-1]].copy()


@compiled(
    NOTHING,
    *(_NUMBERS, _NUMBERS, _WEIGHTS, _NUMBERS, _NUMBERS, _NUMBERS),
    *(written(INT, 1), written(INT, 1), written(types.float64, 1)),
)
def _gather(
    at: Any,
    node: Any,
    weight: Any,
    parts: Any,
    members: Any,
    bounds: Any,
    new_at: Any,
    new_node: Any,
    new_weight: Any,
) -> None:
    count = new_at.shape[0] - 1
    shared = np.zeros(count)
    seen = np.zeros(count, np.bool_)
    end = 0
    for c in range(count):
        start = end
        for i in range(bounds[c], bounds[c + 1]):
            v = members[i]
            for entry in range(at[v], at[v + 1]):
                other = parts[node[entry]]
                if not seen[other]:
                    seen[other] = True
                    new_node[end] = other
                    end += 1
                shared[other] += weight[entry]
        new_node[start:end] = np.sort(new_node[start:end])
        for i in range(start, end):
            other = new_node[i]
            new_weight[i] = shared[other]
            shared[other] = 0.0
            seen[other] = False
        new_at[c + 1] = end
