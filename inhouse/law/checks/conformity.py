"""G4: every requirement of Annex I has its answer. The reason for what is not applicable is kept by the database."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse.dossier import Dossier
from inhouse.law.annex_one import annex_one
from inhouse.law.checks import Missing


def answered(d: Dossier) -> Iterator[Missing]:
    """What lacks in the answers to Annex I, each kind of lack once and with how many."""
    r = d.working
    if r is None:
        return
    answers = d.conformities_of(r)
    if absent := len(annex_one(r.regulation).unanswered(d.numbers_answered(r))):
        told = ngettext(
            "%(count)s requirement of Annex I has no answer.",
            "%(count)s requirements of Annex I have no answer.",
            absent,
        )
        yield Missing(told % {"count": absent}, "conformity")
    if bare := sum(a.answer == a.Answer.MET and not a.is_shown for a in answers):
        told = ngettext(
            "%(count)s requirement of Annex I is said to be met, and nothing shows it.",
            "%(count)s requirements of Annex I are said to be met, and nothing shows it.",
            bare,
        )
        yield Missing(told % {"count": bare}, "conformity")
    confirmed = [*(a.confirmed_on for a in answers), *(u.confirmed_on for u in d.unmet_of(r))]
    if None in confirmed:
        yield Missing(_("Confirm that the answers to Annex I carried over still hold for this revision."), "conformity")
