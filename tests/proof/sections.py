"""Every table of the proof, in the order of the page."""

from __future__ import annotations

from functools import cache

from proof.accuracy import special_functions
from proof.entry import Section
from proof.losses import losses
from proof.networks import layers, networks
from proof.operations import operations
from proof.optimisers import every_schedule, optimisers


@cache
def all_sections() -> tuple[Section, ...]:
    """Built once: the registries import much."""
    return layers(), losses(), optimisers(), every_schedule(), networks(), operations(), special_functions()
