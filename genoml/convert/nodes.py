"""Graphs of other tools as nodes in order, and the loop that gives each to the rule of its operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genoml.convert.builder import Builder, ConvertError
from genoml.convert.constants import FOLDED
from genoml.convert.shapes import is_constant
from genoml.io.weights import GraphNode, WeightsFile

__all__ = ["convert_nodes", "graph_nodes", "in_order", "unsupported"]


#: numbers of a constant that is computed, at most
_MOST_CONSTANT = 1 << 24


def graph_nodes(file: WeightsFile) -> list[GraphNode]:
    """The nodes of a file that holds a graph; none of any other."""
    return list(file.topology) if isinstance(file.topology, tuple) else []


def unsupported(name: str, op: str, known: Iterable[str]) -> ConvertError:
    """The error for an operation without a rule."""
    return ConvertError(f"import: node {name} ({op}) is not supported; known: {', '.join(sorted(known))}")


def in_order(
    nodes: Sequence[GraphNode], outputs: Sequence[str], given: Iterable[str] = ()
) -> list[GraphNode]:
    """The nodes that the outputs need, each after those that it reads.

    Raises
    ------
    ConvertError
        If something that is read is not there, or nodes read one another in a circle.
    """
    makers = {output: node for node in nodes for output in node.outputs}
    done, begun = set(given), set[str]()
    found: list[GraphNode] = []
    pending = [(output, "the outputs") for output in reversed(outputs)]
    while pending:
        wanted, reader = pending[-1]
        if wanted in done:
            pending.pop()
            continue
        if wanted not in makers:
            raise ConvertError(f"import: {reader} reads {wanted}, which is not in the file")
        node = makers[wanted]
        missing = [name for name in node.inputs if name and name not in done]
        if not missing:
            pending.pop()
            done.update(node.outputs)
            found.append(node)
            continue
        if node.name in begun and any(name in makers and makers[name].name in begun for name in missing):
            raise ConvertError(f"import: node {node.name} reads what it gives, in a circle")
        begun.add(node.name)
        pending += [(name, node.name) for name in reversed(missing)]
    return found


def convert_nodes(
    b: Builder, nodes: Sequence[GraphNode], rules: Mapping[str, Callable[..., Any]], values: dict[str, Any]
) -> None:
    """Compute or convert each node; ``values`` holds what is given, and gets what the nodes give.

    Raises
    ------
    ConvertError
        For an operation without a rule, or used otherwise than its rule knows; the message names the node.
    """
    for node in nodes:
        missing = [name for name in node.inputs if name and name not in values]
        if missing:
            raise ConvertError(f"import: node {node.name} reads {missing[0]}, which its node does not give")
        given = [values[name] if name else None for name in node.inputs]
        folded = node.operation in FOLDED and all(map(is_constant, given))
        if not folded and node.operation not in rules:
            raise unsupported(node.name, node.operation, rules)
        try:
            with np.errstate(all="ignore"):
                made = (
                    np.asarray(FOLDED[node.operation](*given))
                    if folded
                    else rules[node.operation](b, node, given)
                )
        except ConvertError as error:
            if str(error).startswith("import: "):
                raise
            raise ConvertError(f"import: node {node.name} ({node.operation}): {error}") from error
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            StopIteration,
            ArithmeticError,
        ) as error:
            what = f"{type(error).__name__}: {error}"
            raise ConvertError(
                f"import: node {node.name} ({node.operation}) is used as no rule knows ({what})"
            ) from error
        if is_constant(made) and made.size > _MOST_CONSTANT:
            raise ConvertError(
                f"import: node {node.name} ({node.operation}) makes a constant of shape {made.shape}"
            )
        for name, value in zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=False):
            values[name] = value
