"""Checks of arguments by their annotations: kinds, ranges such as ``Count``, and one form of message for all.

``checked`` makes a function check what it is given; layers and optimisers check the arguments of their constructors by
themselves. NumPy's numbers are taken as Python's. An annotation that says nothing here (``Any``, an array) is not
checked, and neither is one that cannot be evaluated.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

_T = TypeVar("_T")


@dataclass(frozen=True)
class Limits:
    """The range of a number, or the words for a kind, in an annotation: ``Annotated[int, Limits(ge=2)]``.

    Attributes
    ----------
    ge, gt, le, lt : float or None
        Bounds, as in ``msgspec.Meta``, which is taken too.
    description : str or None
        What an argument of the kind is, for messages.
    examples : sequence of str
        What to write.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()


#: kinds of numbers; the largest number is the largest finite one
Count = Annotated[int, Limits(ge=1)]
Whole = Annotated[int, Limits(ge=0)]
Positive = Annotated[float, Limits(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, Limits(ge=0, le=sys.float_info.max)]
#: from 0 to below 1
Share = Annotated[float, Limits(ge=0, lt=1)]
#: from 0 to 1
Probability = Annotated[float, Limits(ge=0, le=1)]

_WORDS: dict[Any, str] = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}
_LISTS = (Sequence, Iterable, list, tuple, set, frozenset, np.ndarray)
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def checked(target: _T) -> _T:
    """A function, or a class with its constructor, that refuses arguments which are not as annotated.

    Raises
    ------
    TypeError
        By the function: for an argument of another kind. The message names the function or class, the argument, what
        it expects and what it got.
    ValueError
        By the function: for a number out of its range or NaN, or a word that is not one of those annotated.
    """
    if isinstance(target, type):
        cast(Any, target).__init__ = checked(cast(Any, target).__init__)
        return cast(_T, target)
    function = cast(Callable[..., Any], target)
    names = [each.name for each in signature(function).parameters.values() if each.kind not in _VARIADIC]
    kinds: dict[str, Any] | None = None

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal kinds
        if kinds is None:
            kinds = _kinds(function)
        what = _what(function.__name__, args[:1])
        given = [
            conform(value, kinds[name], what, name) if name in kinds else value
            for name, value in zip(names, args, strict=False)
        ]
        for name in kwargs:
            if name in kinds:
                kwargs[name] = conform(kwargs[name], kinds[name], what, name)
        return function(*given, *args[len(names) :], **kwargs)

    return cast(_T, call)


def _what(name: str, first: tuple[Any, ...]) -> str:
    """What is called, in words: a class, a method of one, or a function; from its name and first argument."""
    if name == "__init__":
        return type(first[0]).__name__
    return f"{first[0].__name__}.{name}" if first and isinstance(first[0], type) else name


def _kinds(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotation of each argument that has one which says something."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}
    hints = {name: kind for name, kind in hints.items() if kind is not Any}
    arguments = signature(function).parameters.values()
    return {
        each.name: hints[each.name] for each in arguments if each.name in hints and each.kind not in _VARIADIC
    }


@cache
def _parts(kind: Any) -> tuple[Any, Limits | None, Any]:
    """An annotation without its range, the range, and what it is an instance of, such as Union."""
    base, limits = get_args(kind)[:2] if get_origin(kind) is Annotated else (kind, None)
    return base, limits, get_origin(base)


def conform(value: Any, kind: Any, what: str, name: str) -> Any:
    """The value of an argument, a number as Python's; TypeError or ValueError if it is not as annotated."""
    base, limits, origin = _parts(kind)
    if origin in (Union, UnionType):
        return _conform_to_one(value, get_args(base), kind, what, name)
    if origin is Literal and isinstance(value, str | np.str_):
        if value not in get_args(base):
            raise ValueError(f"{what} expects {name} {_words(base)}, got {value!r}")
        return value
    if not _is_kind(value, base):
        raise _refusal(value, kind, what, name)
    if base in (int, float):
        return _in_range(value, limits, what, name)
    if base is bool:
        return bool(value)
    if origin in _LISTS and origin is not np.ndarray and isinstance(value, list | tuple):
        return _conform_items(value, get_args(base), what, name)
    return value


def _conform_to_one(value: Any, kinds: tuple[Any, ...], whole: Any, what: str, name: str) -> Any:
    """The value of an argument that may be of several kinds."""
    for kind in kinds:
        try:
            return conform(value, kind, what, name)
        except TypeError:
            continue
    raise _refusal(value, whole, what, name)


def _refusal(value: Any, kind: Any, what: str, name: str) -> TypeError:
    """The error for a value of another kind."""
    words = _words(kind)
    comma = "" if words.startswith(("of kind", "'")) else ","
    return TypeError(f"{what} expects {name}{comma} {words}, got {_shown(value)}")


def _conform_items(values: Sequence[Any], kinds: tuple[Any, ...], what: str, name: str) -> Any:
    """A list or tuple whose items are numbers, text or functions, each as annotated."""
    if Ellipsis not in kinds and len(kinds) > 1 and len(values) != len(kinds):
        raise ValueError(f"{what} expects {name}, {len(kinds)} values, got {len(values)}")
    each = set(kinds) - {Ellipsis}
    if len(each) != 1:
        return values
    (kind,) = each
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if base not in _WORDS and get_origin(base) not in (Callable, Literal):
        return values
    items = [conform(value, kind, what, f"{name}[{place}]") for place, value in enumerate(values)]
    return tuple(items) if isinstance(values, tuple) else items


def _is_kind(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind; true for kinds that say nothing here."""
    origin = get_origin(kind) or kind
    if kind is Any:
        return True
    if kind is None or kind is NoneType:
        return value is None
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    if kind is int or kind is float:
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if origin is Callable or origin is type(Callable):
        return callable(value)
    if origin is Literal:
        return isinstance(value, str)
    if origin in _LISTS:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    if isinstance(origin, type) and not getattr(origin, "_is_protocol", False):
        return isinstance(value, origin)
    return True


def _in_range(value: Any, limits: Limits | None, what: str, name: str) -> Any:
    """A number as Python's, in its range."""
    number = int(value) if isinstance(value, Integral) else float(value)
    if math.isnan(number):
        raise ValueError(f"{what} expects {_range_words(limits, name)}, got nan")
    if limits is not None:
        low = number >= limits.ge if limits.ge is not None else limits.gt is None or number > limits.gt
        high = number <= limits.le if limits.le is not None else limits.lt is None or number < limits.lt
        if not (low and high):
            finite = " and finite" if number == math.inf else ""
            raise ValueError(f"{what} expects {_range_words(limits, name)}{finite}, got {value}")
    return number


def _range_words(limits: Limits | None, name: str) -> str:
    """The range of a number: ``kernel_size >= 1``, ``0 <= rate < 1``."""
    if limits is None:
        return f"{name}, a number"
    high = "" if limits.le in (None, sys.float_info.max) else f" <= {limits.le}"
    high = high if limits.lt is None else f" < {limits.lt}"
    low, sign = (limits.ge, "=") if limits.ge is not None else (limits.gt, "")
    if low is None:
        return f"{name}{high}"
    return f"{low} <{sign} {name}{high}" if high else f"{name} >{sign} {low}"


def _words(kind: Any) -> str:
    """What an argument of a kind is, in words."""
    origin = get_origin(kind) or kind
    if origin is Annotated:
        base, limits = get_args(kind)[:2]
        examples = f", such as {limits.examples[0]}" if limits.examples else ""
        return limits.description or f"{_words(base)}{examples}"
    if origin in (Union, UnionType):
        return " or ".join(_words(each) for each in get_args(kind) if each is not NoneType)
    if origin is Literal:
        *first, last = map(repr, get_args(kind))
        return f"{', '.join(first)} or {last}" if first else last
    if origin is Callable or origin is type(Callable):
        return "a function"
    if origin in _LISTS:
        return "a list"
    if origin is Mapping:
        return "a dict"
    return _WORDS.get(kind) or f"of kind {getattr(origin, '__name__', origin)}"


def _shown(value: Any) -> str:
    """A value in a message: short ones themselves, others by their kind."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    plain = isinstance(value, str | bytes | bool | Real | NoneType) and len(repr(value)) <= 60
    return repr(value) if plain else type(value).__name__
