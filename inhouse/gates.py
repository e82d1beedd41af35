"""What stands in the way at a gate: the law's requirements in force, each asked of the dossier."""

from __future__ import annotations

from inhouse import law
from inhouse.dossier import Dossier
from inhouse.law import Requirement, checks
from inhouse.obstacles import Obstacle
from organisation.models import Institution


def requirements(d: Dossier) -> list[Requirement]:
    """Those that bind the institution on the dossier's day."""
    return list(law.in_force(country=d.institution.country, chosen=d.institution.house_rules, day=d.on))


def standing(d: Dossier, *gates: str) -> list[Obstacle]:
    """Every obstacle at these gates, in their order; the same thing demanded twice is said once, with both sources."""
    found: dict[str, Obstacle] = {}
    rows = requirements(d)
    for gate in gates:
        for row in rows:
            if gate not in row.gates:
                continue
            for missing in checks.REGISTRY[row.id, gate](d):
                obstacle = found.setdefault(missing.text, Obstacle(missing.text, mend=missing.mend, stops=False))
                if row not in obstacle.requirements:
                    obstacle.requirements.append(row)
                obstacle.stops = obstacle.stops or _stops(row, d.institution)
    return list(found.values())


def _stops(row: Requirement, institution: Institution) -> bool:
    """A requirement stops the step unless the institution's setting for it says to warn."""
    return not row.setting or getattr(institution, row.setting) == Institution.DiaryGate.BLOCK
