"""How long the file is kept: a floor, never a timer that deletes; and what keeps it beyond."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.models.retention import AT_LEAST
from inhouse.obstacles import Obstacle

YEARS = AT_LEAST  # after the last item left use (VGR-75, RET-01)
IMPLANT_YEARS = 15  # as for CE-marked implants; our advice (RET-02)


# --- the floor


def demanded(d: Dossier) -> int:
    """Fifteen years if any revision was implantable, else ten."""
    return IMPLANT_YEARS if any(r.is_implantable for r in d.revisions) else YEARS


def years(d: Dossier) -> int:
    """What is demanded, or more where more was chosen."""
    return max(demanded(d), d.keeping.years if d.keeping else 0)


def add_years(day: date, count: int) -> date:
    """The same day so many years later; 29 February becomes 1 March, never a day too early."""
    try:
        return day.replace(year=day.year + count)
    except ValueError:
        return date(day.year + count, 3, 1)


def counted_from(d: Dossier) -> date | None:
    """The day the last item left use; None while the product is not withdrawn or an item has no fate."""
    if d.withdrawal is None or d.living:
        return None
    return max([d.withdrawal.on, *(item.fate_on for item in d.items if item.fate_on)])


def floor(d: Dossier) -> date | None:
    """The first day on which disposal could be decided; None while the count has not begun."""
    last = counted_from(d)
    return add_years(last, years(d)) if last else None


# --- what stands in the way of disposal


def open_actions(d: Dossier) -> Iterator[Obstacle]:
    """What a follow-up found must be done, and is not."""
    for action in d.actions:
        if action.done_on is None:
            yield Obstacle(
                _("An action from a clinical follow-up is not done yet: %(action)s") % {"action": action.text},
                mend="follow-up",
            )


Matter = Callable[[Dossier], Iterator[Obstacle]]
MATTERS: tuple[Matter, ...] = (open_actions,)
"""What keeps a file by itself for as long as it is open: one function for each kind of matter."""


def matters(d: Dossier) -> Iterator[Obstacle]:
    for matter in MATTERS:
        yield from matter(d)


def too_early(d: Dossier) -> Iterator[Obstacle]:
    day = floor(d)
    if day is None:
        yield Obstacle(
            _("The records are kept for %(years)s years after the last item left use; items are still without a fate.")
            % {"years": years(d)},
            mend="items",
        )
    elif d.on < day:
        yield Obstacle(_("The records are kept at least until %(day)s.") % {"day": date_format(day)}, mend="retention")


def held(d: Dossier) -> Iterator[Obstacle]:
    for hold in d.holding:
        yield Obstacle(
            _("A legal hold stands since %(day)s: %(reference)s.")
            % {"day": date_format(hold.since), "reference": hold.reference},
            mend="retention",
        )


def obstacles(d: Dossier) -> list[Obstacle]:
    """Why the records cannot go now, whatever is decided; none means that disposal can be proposed."""
    return [*too_early(d), *held(d), *matters(d)]


def undecided(d: Dossier) -> Iterator[Obstacle]:
    """What the decision lacks: to be recorded, and to be confirmed by a second person."""
    if d.disposal is None:
        yield Obstacle(
            _("Records are disposed of only by a decision with a reference; none is recorded."), mend="retention"
        )
    elif not d.disposal.is_confirmed:
        yield Obstacle(_("A second person confirms the disposal."), mend="retention")
