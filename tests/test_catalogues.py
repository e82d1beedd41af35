"""The catalogues of translations: what is gathered, kept, refused and compiled."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from organisation.management.commands import catalogues

CODE = """
from django.utils.translation import gettext as _, gettext_lazy, ngettext, pgettext_lazy

name = gettext_lazy("Unit")
part = pgettext_lazy("unit", "makes")
text = _("%(who)s came "
         "and went.")
many = ngettext("%(count)s item", "%(count)s items", 2)
not_marked = "Silence"
"""
PAGE = """{% load i18n %}
  <p>{% translate "Skip to content" %}</p>
    <p title="{{ title|default:_("No title") }}">100 %, <b>it's "here"</b></p>
{% blocktranslate count count=rows|length trimmed %}
   {{ count }} row
   of the list
{% plural %}
   {{ count }} rows
   of the list
{% endblocktranslate %}
{% comment %}{% translate "Not shown" %}{% endcomment %}{% translate "100 % sure" context "belief" %}
"""


@pytest.fixture
def house(tmp_path: Path, settings: Settings) -> Path:
    """A small house with one app, one page and an empty Swedish catalogue."""
    for name, content in (("ward/models.py", CODE), ("ward/migrations/0001.py", CODE), ("templates/page.html", PAGE)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    settings.ROOT = tmp_path
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    settings.LANGUAGES = [("sv", "Swedish"), ("en", "English")]
    return tmp_path


@pytest.fixture
def po(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalogues, "ours", lambda root: [root / "ward"])
    call_command("catalogues", verbosity=0)
    return house / "locale/sv/LC_MESSAGES/django.po"


def test_marked_texts_of_code_and_pages_are_gathered(house: Path) -> None:
    found = catalogues.gathered(house, folders=[house / "ward"])
    assert [(message.context, message.id) for message in found if message.id] == [
        (None, "Unit"),
        ("unit", "makes"),
        (None, "%(who)s came and went."),
        (None, ("%(count)s item", "%(count)s items")),
        (None, "Skip to content"),
        (None, "No title"),
        (None, ("%(count)s row of the list", "%(count)s rows of the list")),
        ("belief", "100 %% sure"),
    ]


def translate(po: Path, text: str, *translations: str) -> None:
    """Fill in a translation, as a person with an editor does."""
    head, tail = po.read_text().split(f'"{text}"', 1)
    for one in translations:
        tail = tail.replace('""\n', f'"{one}"\n', 1)
    po.write_text(f'{head}"{text}"{tail}')


def test_translations_stay_when_texts_come_and_go(po: Path, house: Path) -> None:
    translate(po, "Skip to content", "Hoppa till innehållet")
    translate(po, "Unit", "Verksamhet")
    (house / "templates/page.html").write_text(PAGE + '{% translate "Another" %}')
    (house / "ward/models.py").write_text("")
    call_command("catalogues", verbosity=0)
    content = po.read_text()
    assert 'msgid "Skip to content"\nmsgstr "Hoppa till innehållet"' in content
    assert 'msgid "Another"\nmsgstr ""' in content
    assert "Verksamhet" not in content


def test_gathering_twice_changes_nothing(po: Path) -> None:
    before = po.read_bytes()
    call_command("catalogues", verbosity=0)
    assert po.read_bytes() == before


def test_what_is_not_translated_is_english(po: Path) -> None:
    translate(po, "Skip to content", "Hoppa till innehållet")
    call_command("catalogues", compile=True)
    with po.with_suffix(".mo").open("rb") as file:
        swedish = gettext.GNUTranslations(file)
    assert swedish.gettext("Skip to content") == "Hoppa till innehållet"
    assert swedish.gettext("Unit") == "Unit"
    assert swedish.ngettext("%(count)s item", "%(count)s items", 2) == "%(count)s items"


def test_plural_forms_follow_the_number(po: Path) -> None:
    translate(po, "%(count)s items", "%(count)s exemplar", "%(count)s exemplar i plural")
    call_command("catalogues", compile=True)
    with po.with_suffix(".mo").open("rb") as file:
        swedish = gettext.GNUTranslations(file)
    forms = [swedish.ngettext("%(count)s item", "%(count)s items", number) for number in (0, 1, 2)]
    assert forms == ["%(count)s exemplar i plural", "%(count)s exemplar", "%(count)s exemplar i plural"]


@pytest.fixture
def complete(po: Path) -> Path:
    for text in ("Unit", "makes", "Skip to content", "No title", "100 %% sure"):
        translate(po, text, text)
    translate(po, "%(who)s came and went.", "%(who)s kom och gick.")
    for text in ("%(count)s items", "%(count)s rows of the list"):
        translate(po, text, text, text)
    return po


def refusal() -> str:
    with pytest.raises(CommandError) as refused:
        call_command("catalogues", check=True)
    return str(refused.value)


def test_a_complete_catalogue_passes(complete: Path) -> None:
    call_command("catalogues", check=True)


def test_a_missing_translation_is_named_with_its_file(complete: Path) -> None:
    complete.write_text(complete.read_text().replace('msgstr "Unit"', 'msgstr ""'))
    assert "locale/sv/LC_MESSAGES/django.po: “Unit” is not translated (ward/models.py)" in refusal()


def test_a_doubtful_translation_is_named(complete: Path) -> None:
    complete.write_text(complete.read_text().replace('msgid "Unit"', '#, fuzzy\nmsgid "Unit"'))
    assert "“Unit” is marked as doubtful" in refusal()


def test_a_translation_with_other_placeholders_is_named(complete: Path) -> None:
    complete.write_text(complete.read_text().replace("%(who)s kom och", "%(vem)s kom och"))
    assert "“%(who)s came and went.” has other placeholders than its translation" in refusal()


def test_a_new_and_a_dropped_text_are_named(complete: Path, house: Path) -> None:
    before = complete.read_bytes()
    (house / "templates/page.html").write_text(PAGE.replace("Skip to content", "Go to content"))
    said = refusal()
    assert "“Skip to content” is no longer used" in said
    assert "“Go to content” is not in it (templates/page.html)" in said
    assert complete.read_bytes() == before


def test_moving_a_text_within_its_file_is_no_change(complete: Path, house: Path) -> None:
    lines = CODE.splitlines()
    (house / "ward/models.py").write_text("\n".join([*lines[:2], *reversed(lines[3:5]), *lines[5:]]))
    call_command("catalogues", check=True)
