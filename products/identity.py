"""Numbers that say who a patient is: read, checked and written the same way whoever types them.

Nothing here ever repeats a number: not in a message, not in a log, not in an exception.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from organisation import clock
from products.models import PatientIdentity
from products.synthetic import is_swedish_test_number

Kind = PatientIdentity.Kind

NEEDS_ISSUER = (Kind.SE_RESERVE, Kind.FOREIGN)
BORN = r"[0-9]{2}([-./ ]?)[0-9]{2}\1[0-9]{2}"
IN_TEXT = re.compile(
    rf"(?<![0-9])(?<![0-9][-./])(?:(?:18|19|20)?{BORN}\W{{0,3}}[0-9]{{4}}|{BORN.replace('1', '2')}\W{{0,3}}[0-9]{{5}})(?![0-9])(?![-./][0-9])"
)
"""How people write such numbers: a date with or without separators, at most three signs, four or five digits."""


@dataclass(frozen=True)
class Identifier:
    """A checked number in its one way of being written."""

    kind: PatientIdentity.Kind
    value: str = field(repr=False)
    issuer: str = ""


@sensitive_variables()
def parse(kind: str, text: str, *, issuer: str = "") -> Identifier:
    """Read a number of that kind, or raise ValidationError saying what is wrong with it."""
    try:
        wanted = Kind(kind)
    except ValueError:
        raise ValidationError(_("Choose what kind of number it is."), code="kind") from None
    text = unicodedata.normalize("NFKC", text)
    if wanted in NEEDS_ISSUER:
        return _free(wanted, text, issuer)
    text = re.sub(r"\s", "", re.sub(r"[‐‑‒–—−]", "-", text))
    if wanted in (Kind.SE_PERSONNUMMER, Kind.SE_SAMORDNINGSNUMMER):
        return Identifier(wanted, _swedish(wanted, text))
    return Identifier(wanted, _norwegian(wanted, text))


def written(kind: str, value: str) -> str:
    """The number as people are used to read it."""
    if kind in (Kind.SE_PERSONNUMMER, Kind.SE_SAMORDNINGSNUMMER):
        return f"{value[:8]}-{value[8:]}"
    if kind in (Kind.NO_FNR, Kind.NO_DNR, Kind.NO_HELP):
        return f"{value[:6]} {value[6:]}"
    return value


@sensitive_variables()
def occurs_in(text: str) -> bool:
    """Whether a text seems to name a patient: some number in it, written as people do, has a day and check digits that fit.

    A number in twenty or so that is none has them too; what is kept from being found by this is still there to be opened.
    """
    return any(_is_someones(digits) for digits in candidates(text))


def refuse_in(**texts: str) -> None:
    """Raise ValidationError for the texts that seem to name a patient: others read them in mails, calendars and lists."""
    if named := [name for name, text in texts.items() if occurs_in(text)]:
        raise ValidationError({name: _("Do not write the patient's number here.") for name in named})


@sensitive_variables()
def candidates(text: str) -> set[str]:
    found = IN_TEXT.finditer(unicodedata.normalize("NFKC", text))
    return {re.sub(r"[^0-9+]", "", match[0]) for match in found}


def _refusal(text: str, code: str) -> ValidationError:
    return ValidationError(text, code=code)


def _only_synthetic() -> ValidationError:
    return _refusal(
        _("This installation is for trying out: it takes only the authorities' test numbers, never real ones."),
        "real",
    )


def _never_synthetic() -> ValidationError:
    return _refusal(_("This is a test number; it belongs to nobody."), "synthetic")


def _checksum() -> ValidationError:
    return _refusal(_("The check digits do not fit: a digit is wrong, or two have changed places."), "checksum")


def _no_such_day() -> ValidationError:
    return _refusal(_("The number does not begin with a day that exists."), "day")


def _in_the_future() -> ValidationError:
    return _refusal(_("The day of birth lies in the future."), "future")


# Sweden


@sensitive_variables()
def _swedish(wanted: PatientIdentity.Kind, text: str) -> str:
    match = re.fullmatch(r"([0-9]{2})?([0-9]{2})([0-9]{2})([0-9]{2})([-+]?)([0-9]{3})([0-9])", text)
    if not match:
        raise _refusal(_("Write ten or twelve digits, with or without a hyphen before the last four."), "format")
    century, yy, mm, dd, sign, serial, _check = match.groups()
    if _luhn(f"{yy}{mm}{dd}{serial}") != int(_check):
        raise _checksum()
    coordination = int(dd) >= 60
    if serial == "000" or not _is_swedish_day(int(mm), int(dd), coordination):
        raise _no_such_day()
    if coordination != (wanted == Kind.SE_SAMORDNINGSNUMMER):
        raise _refusal(
            _("This is a coordination number: the day is 60 too high. Choose that kind.")
            if coordination
            else _("This is a personal identity number, not a coordination number. Choose that kind."),
            "other kind",
        )
    year = int(century + yy) if century else _year(int(yy), over_hundred=sign == "+")
    twelve = f"{year:04d}{mm}{dd}{serial}{_check}"
    _refuse_impossible_birth(year, int(mm), int(dd) - 60 * coordination)
    if is_swedish_test_number(twelve, coordination=coordination):
        if not settings.SYNTHETIC_PATIENTS:
            raise _never_synthetic()
    elif settings.SYNTHETIC_PATIENTS:
        raise _only_synthetic()
    return twelve


def _luhn(nine: str) -> int:
    """The check digit after nine digits: every other one doubled, the digits of all products added up."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(nine))
    return -total % 10


def _is_swedish_day(month: int, day: int, coordination: bool) -> bool:
    """A coordination number can lack the month, the day (60) or both, when they were not known."""
    if coordination:
        return 0 <= month <= 12 and 0 <= day - 60 <= 31
    return 1 <= month <= 12 and 1 <= day <= 31


def _year(yy: int, *, over_hundred: bool) -> int:
    """A plus stands in the number from the year in which the person turns a hundred."""
    now = clock.today().year
    year = now - (now - yy) % 100
    return year - 100 if over_hundred else year


def _refuse_impossible_birth(year: int, month: int, day: int) -> None:
    today = clock.today()
    if not 1840 <= year <= today.year:
        raise _in_the_future() if year > today.year else _no_such_day()
    if month and day:
        try:
            born = date(year, month, day)
        except ValueError:
            raise _no_such_day() from None
        if born > today:
            raise _refusal(
                _("The day of birth lies in the future. For someone born a century before, write all twelve digits."),
                "future",
            )


# Norway

_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
NEW_NUMBERS_FROM = date(2032, 1, 1)  # numbers given from that day allow four first check digits and show no century


@sensitive_variables()
def _norwegian(wanted: PatientIdentity.Kind, text: str) -> str:
    text = text.replace("-", "").replace(".", "")
    if not re.fullmatch(r"[0-9]{11}", text):
        raise _refusal(_("Write eleven digits."), "format")
    rest = sum(weight * int(digit) for weight, digit in zip(_FIRST, text, strict=False)) % 11
    allowed = (0, 1, 2, 3) if clock.today() >= NEW_NUMBERS_FROM else (0,)
    if rest not in allowed or sum(w * int(digit) for w, digit in zip(_SECOND, text, strict=True)) % 11:
        raise _checksum()
    kind, series = _norwegian_kind(text)
    if kind == Kind.NO_FNR and series == 40 and wanted == Kind.NO_HELP:
        kind = Kind.NO_HELP  # help numbers and the test numbers of NAV both add 40 to the month
    if kind != wanted:
        raise _refusal(_other_kind(kind), "other kind")
    if not text.startswith(("8", "9")):
        _refuse_impossible_norwegian_birth(text, series)
    _refuse_wrong_world(wanted, series)
    return text


def _norwegian_kind(text: str) -> tuple[PatientIdentity.Kind, int]:
    """What the number is, and what was added to its month (80: Skatteetaten, 65: Norsk helsenett, 40: NAV, tests)."""
    if text[0] in "89":
        return Kind.NO_HELP, 0
    month = int(text[2:4])
    series = next((added for added in (80, 65, 40) if added < month <= added + 12), 0)
    return (Kind.NO_DNR if text[0] in "4567" else Kind.NO_FNR), series


def _other_kind(kind: PatientIdentity.Kind) -> str:
    if kind == Kind.NO_DNR:
        return _("This is a D number: the first digit is 4 too high. Choose that kind.")
    if kind == Kind.NO_HELP:
        return _("This is a help number. Choose that kind.")
    return _("This is a national identity number. Choose that kind.")


def _refuse_wrong_world(wanted: PatientIdentity.Kind, series: int) -> None:
    if settings.SYNTHETIC_PATIENTS:
        if not series:
            raise _only_synthetic()
    elif wanted != Kind.NO_HELP and series == 40:
        raise _refusal(
            _("This is a test number or a help number. If it is a help number, choose that kind."), "synthetic"
        )
    elif wanted != Kind.NO_HELP and series:
        raise _never_synthetic()


def _refuse_impossible_norwegian_birth(text: str, series: int) -> None:
    day, month, yy, individual = int(text[:2]), int(text[2:4]) - series, int(text[4:6]), int(text[6:9])
    d_number = text[0] in "4567"
    century = _century_of_d_number(yy, individual) if d_number else _century(yy, individual)
    if century is None:
        if clock.today() < NEW_NUMBERS_FROM:
            raise _checksum()  # no number was given out in this range
        century = 2000
    try:
        born = date(century + yy, month, day - 40 * d_number)
    except ValueError:
        raise _no_such_day() from None
    if born > clock.today() and clock.today() < NEW_NUMBERS_FROM:
        raise _in_the_future()


def _century(yy: int, individual: int) -> int | None:
    if individual < 500:
        return 1900
    if individual < 750 and yy >= 54:
        return 1800
    if yy < 40:
        return 2000
    return 1900 if individual >= 900 else None


def _century_of_d_number(yy: int, individual: int) -> int:
    """D numbers have had ranges of their own since 2021 (Skatteetaten); older ones keep the ranges of the others."""
    if yy >= 40:
        return 1800 if 500 <= individual < 600 and yy >= 54 else 1900
    return 1900 if individual < 200 or (yy > clock.today().year % 100 and individual < 500) else 2000


# Reserve numbers and other countries


@sensitive_variables()
def _free(wanted: PatientIdentity.Kind, text: str, issuer: str) -> Identifier:
    issuer = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", issuer)).strip()
    if not 2 <= len(issuer) <= 100:
        raise _refusal(_("Say who issued the number: a region, an authority or a country."), "issuer")
    value = re.sub(r"[\s-]", "", re.sub(r"[‐‑‒–—−]", "-", text)).upper()
    if not re.fullmatch(r"[\w./+]{3,40}", value) or not re.search(r"[0-9]", value):
        raise _refusal(_("Write 3 to 40 letters and digits, of which at least one digit."), "format")
    if settings.SYNTHETIC_PATIENTS and _is_real(value):
        raise _only_synthetic()
    return Identifier(wanted, value, issuer)


_BORN_WITH = (Kind.SE_PERSONNUMMER, Kind.SE_SAMORDNINGSNUMMER, Kind.NO_FNR, Kind.NO_DNR)


def _is_real(value: str) -> bool:
    """Whether it reads as a real Swedish or Norwegian number, typed as something else to get it past."""
    return "real" in _readings(value, _BORN_WITH)


def _is_someones(value: str) -> bool:
    """Whether it reads as any such number, real or made for tests, wherever this is installed."""
    return bool({"", "real", "synthetic"} & _readings(value, (*_BORN_WITH, Kind.NO_HELP)))


@sensitive_variables()
def _readings(value: str, kinds: tuple[PatientIdentity.Kind, ...]) -> set[str]:
    """What is said of it as a number of each kind; nothing where it is right."""
    said = set()
    for kind in kinds:
        try:
            parse(kind, value)
            said.add("")
        except ValidationError as refusal:
            said.add(str(refusal.code))
    return said
