"""G10 and G11: out of use, and what must wait before records are disposed of."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse import retention
from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check


@check("G10", "VGR-62")
def withdrawn(d: Dossier) -> Iterator[Missing]:
    if d.withdrawal is None:
        yield Missing(_("Say why the product is taken out of use."), "withdrawal")


@check("G10", "VGR-75")
def fates(d: Dossier) -> Iterator[Missing]:
    left = len(d.living)
    if left:
        yield Missing(
            ngettext(
                "It is not recorded yet what became of %(count)s item.",
                "It is not recorded yet what became of %(count)s items.",
                left,
            )
            % {"count": localize(left)},
            "items",
        )


@check("G11", "VGR-75")
def floor_reached(d: Dossier) -> Iterator[Missing]:
    for found in retention.too_early(d):
        yield Missing(found.text, found.mend)


@check("G11", "RET-03")
def decided(d: Dossier) -> Iterator[Missing]:
    for found in retention.undecided(d):
        yield Missing(found.text, found.mend)
