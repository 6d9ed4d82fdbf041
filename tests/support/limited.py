"""Which collected tests the backends' limits.toml speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest

from support.backends import suite_of
from support.limits import Limit, expect_targets

#: the limit that covers an item, which may then be skipped
LIMIT: pytest.StashKey[Limit] = pytest.StashKey()


@cache
def registries() -> tuple[Mapping[str, Any], ...]:
    """Every registry of the suite; read only if there is a limit, since they import much."""
    from genoml.testing.layers import LAYERS
    from support.losses import LOSSES, TASK_LOSSES
    from support.models import SMALL
    from support.optimizers import OPTIMIZERS

    return LAYERS, LOSSES, TASK_LOSSES, OPTIMIZERS, SMALL


def expect_limits(variants: Iterable[str]) -> None:
    """Raise LimitsError if a backend in use speaks of a test or an entry that does not exist."""
    for suite in map(suite_of, variants):
        if suite.limits:
            expect_targets(suite, {name for registry in registries() for name in registry})


def limit_of(item: pytest.Item) -> Limit | None:
    """The limit that covers a collected test, if one does."""
    callspec = getattr(item, "callspec", None)
    variant = callspec.params.get("backend") if callspec else None
    limits = suite_of(variant).limits if isinstance(variant, str) else ()
    if not limits:
        return None
    values = callspec.params.values()
    entries = {value for value in values if isinstance(value, str)}
    for registry in registries():
        entries |= {name for name, case in registry.items() if any(case is value for value in values)}
    test = item.nodeid.split("[")[0]
    return next((limit for limit in limits if limit.covers(test, entries)), None)


def unused_limits(variants: Iterable[str], items: Iterable[pytest.Item]) -> list[Limit]:
    """Limits of the backends in use that cover none of the tests."""
    used = {item.stash[LIMIT] for item in items if LIMIT in item.stash}
    return [limit for variant in variants for limit in suite_of(variant).limits if limit not in used]
