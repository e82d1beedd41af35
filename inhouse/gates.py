"""What stands in the way at a gate: the law's requirements in force, each asked of the dossier."""

from __future__ import annotations

from inhouse import law
from inhouse.dossier import Dossier
from inhouse.law import Requirement, checks
from inhouse.obstacles import Obstacle
from organisation.models import Institution
from products.models import Revision

IN_USE = ("G8", "G10", "G11")
"""Gates that ask of what patients meet or met, and not of a revision that is still being made."""


def requirements(d: Dossier, revision: Revision | None = None) -> list[Requirement]:
    """Those that bind on the dossier's day: the packs of the revision's regulation, and of them what is for its class.

    Of a proposal whose regulation is not known yet the revision says MDR.
    """
    about = revision or d.working
    return list(
        law.in_force(
            country=d.institution.country,
            chosen=d.institution.house_rules,
            day=d.on,
            regulation=about.regulation if about else Revision.Regulation.MDR,
            risk_class=about.risk_class if about else "",
        )
    )


def written(d: Dossier, regulation: str = "") -> list[Requirement]:
    """All under a regulation, else that of the working revision: also what comes later, or is for other classes."""
    under = regulation or (d.working.regulation if d.working else Revision.Regulation.MDR)
    return list(
        law.written(country=d.institution.country, chosen=d.institution.house_rules, day=d.on, regulation=under)
    )


def standing(d: Dossier, *gates: str) -> list[Obstacle]:
    """Every obstacle at these gates, in their order; the same thing demanded twice is said once, with both sources."""
    found: dict[str, Obstacle] = {}
    for gate in gates:
        for row in requirements(d, d.in_force if gate in IN_USE else None):
            if gate not in row.gates:
                continue
            for missing in checks.REGISTRY[row.id, gate](d):
                obstacle = found.setdefault(missing.text, Obstacle(missing.text, mend=missing.mend, stops=False))
                if row not in obstacle.requirements:
                    obstacle.requirements.append(row)
                obstacle.stops = obstacle.stops or _stops(row, d.institution)
    return list(found.values())


def moved(d: Dossier, before: str, after: str) -> tuple[list[Requirement], list[Requirement]]:
    """What begins to bind and what ceases to when a revision comes from one regulation under another.

    Its class is set anew by the rules of the other, so what is for some classes only counts as binding.
    """
    return law.difference(_any_class(d, before), _any_class(d, after))


def _any_class(d: Dossier, regulation: str) -> list[Requirement]:
    return [row for row in written(d, regulation) if row.holds(d.on)]


def _stops(row: Requirement, institution: Institution) -> bool:
    """A requirement stops the step unless the institution's setting for it says to warn."""
    return not row.setting or getattr(institution, row.setting) == Institution.DiaryGate.BLOCK
