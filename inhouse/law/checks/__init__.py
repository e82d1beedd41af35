"""What each requirement asks of a product: small functions over a dossier, registered by the requirement's id.

A check yields what is missing and where it is mended (the name of the page, taken with the product); nothing means met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from inhouse.dossier import Dossier


@dataclass(frozen=True)
class Missing:
    """One thing that is missing. `mend` is the name of the page where it is put right."""

    text: str
    mend: str


Check = Callable[[Dossier], Iterator[Missing]]
REGISTRY: dict[tuple[str, str], Check] = {}


def check(gate: str, *ids: str) -> Callable[[Check], Check]:
    """Register what these requirements ask at that gate."""

    def register(function: Check) -> Check:
        for requirement in ids:
            if (requirement, gate) in REGISTRY:
                raise RuntimeError(f"{requirement} has two checks at {gate}.")
            REGISTRY[requirement, gate] = function
        return function

    return register


for subject in (
    "assessment", "owners", "evidence", "declarations", "laboratory", "readiness", "followup", "withdrawal", "software",
):  # fmt: skip
    import_module(f"inhouse.law.checks.{subject}")
