"""The list per administration of units that make and use in-house devices (VGR-80, VGR-81), for any day."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import date

import xlsxwriter
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from inhouse.models import HandOut, Step
from organisation import access, clock
from organisation.access import Act, Scope
from organisation.alphabet import by
from organisation.history import acting
from organisation.models import Administration, User
from products.models import Product, UnitUse


@dataclass
class Line:
    """A unit and a product on a day: made there, used there, or both."""

    unit: str
    product_id: int
    number: str
    name: str
    stage: str
    makes_since: date | None = None
    uses_since: date | None = None

    @property
    def part(self) -> str:
        if self.makes_since and self.uses_since:
            return _("makes and uses")
        return pgettext("unit", "makes") if self.makes_since else pgettext("unit", "uses")


def lines(administration: Administration, *, on: date) -> list[Line]:
    """What was true on that day, by unit and product."""
    uses = (
        UnitUse.objects.on(on)
        .filter(unit__administration=administration)
        .select_related("unit", "product")
        .order_by(by("unit__name"), "product__number", "part")
    )
    stages = _stages({use.product_id for use in uses}, on)
    found: dict[tuple[int, int], Line] = {}
    for use in uses:
        stage = stages.get(use.product_id)
        if stage is None:
            continue
        line = found.setdefault(
            (use.unit_id, use.product_id),
            Line(
                str(use.unit),
                use.product_id,
                use.product.number,
                use.product.name,
                str(Product.Stage(stage).label),
            ),
        )
        if use.part == UnitUse.Part.MAKES:
            line.makes_since = use.since
        else:
            line.uses_since = use.since
    return list(found.values())


def _stages(products: set[int], on: date) -> dict[int, str]:
    """The stage of each product on a day, of those that existed."""
    steps = (
        Step.objects.filter(Q(product__in=products), revision=None, on__lte=on)
        .order_by("pk")
        .values_list("product_id", "to_stage")
    )
    return dict(steps)


def head() -> list[str]:
    return [
        _("Unit"),
        _("Product number"),
        _("Product"),
        _("Makes or uses"),
        _("Makes since"),
        _("Uses since"),
        _("Stage"),
    ]


def _cells(line: Line) -> list[str | date | None]:
    return [line.unit, line.number, line.name, line.part, line.makes_since, line.uses_since, line.stage]


def as_csv(rows: list[Line]) -> bytes:
    """Semicolons and a byte order mark, so that a Nordic Excel opens it rightly; days in ISO form."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(head())
    for line in rows:
        writer.writerow([plain(cell) for cell in _cells(line)])
    return "\ufeff".encode() + out.getvalue().encode()


def plain(cell: str | date | None) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    text = cell.isoformat() if isinstance(cell, date) else (cell or "")
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def as_xlsx(rows: list[Line], *, title: str) -> bytes:
    """One sheet with a head that stays, filters, and real dates."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title, "created": clock.now().replace(tzinfo=None)})
    sheet = book.add_worksheet(_("Units and products"))
    bold, day = (
        book.add_format({"bold": True, "bottom": 1}),
        book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
    )
    sheet.write(0, 0, title, book.add_format({"bold": True, "font_size": 13}))
    sheet.write_row(2, 0, head(), bold)
    for number, line in enumerate(rows, start=3):
        for column, cell in enumerate(_cells(line)):
            if isinstance(cell, date):
                sheet.write_datetime(number, column, cell, day)
            elif cell:
                sheet.write_string(number, column, cell)
    sheet.autofilter(2, 0, 2 + len(rows), len(head()) - 1)
    sheet.freeze_panes(3, 0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.repeat_rows(2)
    for column, width in enumerate((34, 15, 40, 16, 13, 13, 16)):
        sheet.set_column(column, column, width)
    book.close()
    return out.getvalue()


def title(administration: Administration, *, on: date) -> str:
    return _("Units that make and use in-house devices: %(administration)s, %(day)s") % {
        "administration": administration,
        "day": date_format(on),
    }


@transaction.atomic
def hand_out(
    administration: Administration, *, on: date, form: str, requested_by: str, requested_on: date, by: User
) -> tuple[HandOut, bytes]:
    """Make the file and record to whom it goes; the hash tells later which file it was."""
    access.require(by, Act.REGISTER, Scope(administration.pk))
    if on > clock.today():
        raise ValidationError(_("What will be true on a day to come is not known. Choose today or earlier."))
    if requested_on > clock.today():
        raise ValidationError({"requested_on": _("The day cannot lie in the future.")})
    rows = lines(administration, on=on)
    content = as_xlsx(rows, title=title(administration, on=on)) if form == HandOut.Form.XLSX else as_csv(rows)
    record = HandOut(
        administration=administration,
        for_day=on,
        form=form,
        requested_by=requested_by,
        requested_on=requested_on,
        handed_out_at=clock.now(),
        handed_out_by=by,
        rows=len(rows),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    record.full_clean()
    with acting(by):
        record.save()
    return record, content
