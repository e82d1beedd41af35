"""G8: what must go on while patients meet the device."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse import followup, market
from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.models import FollowUp, MarketSearch


@check("G8", "VGR-60")
def reviewed(d: Dossier) -> Iterator[Missing]:
    due = followup.due_on(d)
    if due is not None and due < d.on:
        yield Missing(_("The clinical follow-up was due on %(day)s.") % {"day": date_format(due)}, "follow-up")
    late = [a for a in d.actions if a.due_on < d.on and (a.done_on is None or a.done_on > d.on)]
    if late:
        yield Missing(
            _("Actions from the follow-up are overdue: %(actions)s.") % {"actions": ", ".join(a.text for a in late)},
            "follow-up",
        )


@check("G8", "MDR55-c", "IVDR55-d")
def justified(d: Dossier) -> Iterator[Missing]:
    due = market.due_on(d)
    if due is not None and due < d.on:
        yield Missing(_("Renew the market search: it was due on %(day)s.") % {"day": date_format(due)}, "market")
    if d.search and d.search.result == MarketSearch.Result.EQUIVALENT:
        yield Missing(
            _("The market search found an equivalent device: begin the transition to the CE-marked one."), "market"
        )


def said_stop(d: Dossier) -> Iterator[Missing]:
    if d.follow_ups and d.follow_ups[-1].conclusion == FollowUp.Conclusion.STOP:
        yield Missing(_("The last follow-up says that use must stop."), "follow-up")


@check("G8", "MDR55-h", "IVDR55-i")
def learned(d: Dossier) -> Iterator[Missing]:
    """Experience is reviewed, and what it calls for is done."""
    yield from reviewed(d)
    yield from said_stop(d)


@check("G8", "VGR-62")
def no_stop(d: Dossier) -> Iterator[Missing]:
    if d.open_suspension is not None:
        yield Missing(_("Use is paused: close the cause first."), "suspension")
    yield from said_stop(d)
