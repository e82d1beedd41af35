"""How long the file is kept: a floor, never a timer that deletes."""

from __future__ import annotations

from datetime import date

from inhouse.dossier import Dossier

YEARS = 10  # after the last item left use (VGR-75, RET-01)
IMPLANT_YEARS = 15  # as for CE-marked implants; our advice (RET-02)


def years(d: Dossier) -> int:
    """Fifteen if any revision was implantable, else ten."""
    return IMPLANT_YEARS if any(r.is_implantable for r in d.revisions) else YEARS


def add_years(day: date, count: int) -> date:
    """The same day so many years later; 29 February becomes 1 March, never a day too early."""
    try:
        return day.replace(year=day.year + count)
    except ValueError:
        return date(day.year + count, 3, 1)


def floor(d: Dossier) -> date | None:
    """The first day on which disposal could be decided; None while the product is not withdrawn or an item has no fate."""
    if d.withdrawal is None or d.living:
        return None
    last = max([d.withdrawal.on, *(item.fate_on for item in d.items if item.fate_on)])
    return add_years(last, years(d))
