"""G3, before use and as long as it is used: the laboratory in which an in vitro device is made and used."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.law.checks.owners import quality_system


@check("G3", "IVDR55-c")
@check("G7", "IVDR55-c")
@check("G8", "IVDR55-c")
def laboratory(d: Dossier) -> Iterator[Missing]:
    """EN ISO 15189 is kept with the quality system, but is none for manufacture: that system is asked for beside it."""
    system = d.product.quality_system
    if system is None:
        yield from quality_system(d)
    elif not system.laboratory_standard:
        yield Missing(
            _(
                "Name the standard that the laboratory complies with (EN ISO 15189 or national provisions), under “%(system)s”."
            )
            % {"system": system},
            "laboratory",
        )
    elif system.accredited_until and system.accredited_until < d.on:
        yield Missing(
            _("The accreditation of the laboratory ran out on %(day)s.")
            % {"day": date_format(system.accredited_until)},
            "laboratory",
        )
