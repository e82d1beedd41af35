"""Large numbers are grouped as the reader's language does it; what machines read never is."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.urls import reverse
from django.utils import translation

from inhouse.models import FollowUp, FollowUpAction
from organisation import clock
from organisation.models import User
from products import traceability
from products.models import Item
from tests import stations

GROUPED = {"sv": "12\xa0345", "nb": "12\xa0345", "en": "12,345"}
RAW_NUMBER = re.compile(r'="[^"]*\{\{ *(?!field\.)[\w.]*(?:pk|_id|number|counter0?|count|quantity|year) *\}\}')
TEMPLATES = sorted(Path(settings.ROOT / "templates").rglob("*.html"))


def lot(quantity: int) -> Item:
    product = stations.in_use()
    return traceability.register(
        revision=stations.in_force(product), kind=Item.Kind.LOT, identifier="L-1", quantity=quantity, made_on=clock.today(),
        by=stations.engineer(product),
    )  # fmt: skip


def read(client: Client, someone: User, address: str, language: str = "en") -> str:
    client.force_login(someone)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client.get(address).content.decode()


@pytest.mark.parametrize("language", GROUPED)
@pytest.mark.django_db
def test_quantities_follow_the_language(client: Client, engineer: User, language: str) -> None:
    item = lot(12345)
    assert GROUPED[language] in read(client, engineer, reverse("inhouse:items", args=[item.product_id]), language)
    assert GROUPED[language] in read(client, engineer, reverse("inhouse:item", args=[item.pk]), language)
    assert GROUPED[language] in read(client, engineer, reverse("inhouse:history", args=[item.product_id]), language)


@pytest.mark.django_db
def test_a_form_holds_the_plain_figure(client: Client, engineer: User) -> None:
    item = lot(12345)
    traceability.release(item, made_to="The drawings", checks="All good", by=engineer)
    page = read(client, engineer, reverse("inhouse:item", args=[item.pk]), "sv")
    assert 'value="12345"' in page


@pytest.mark.django_db
def test_a_key_is_no_figure(client: Client, engineer: User, nurse: User) -> None:
    product = stations.in_use()
    review = FollowUp.objects.create(
        product=product,
        done_on=clock.today(),
        sources="The ward",
        findings="None",
        conclusion="continue",
        next_due_on=clock.today() + timedelta(days=90),
        done_by=engineer,
    )
    action = FollowUpAction.objects.create(
        pk=123456, follow_up=review, text="Print it thicker", responsible=nurse, due_on=clock.today()
    )
    page = read(client, engineer, reverse("inhouse:follow-up", args=[product.pk]), "sv")
    assert f'id="done-{action.pk}"' in page


def test_sizes_of_files_follow_the_language() -> None:
    for language, size in {"sv": "1,5\xa0MB", "nb": "1,5\xa0MB", "en": "1.5\xa0MB"}.items():
        with translation.override(language):
            assert filesizeformat(1536 * 1024) == size


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(settings.ROOT / "templates")))
def test_no_attribute_holds_a_grouped_number(template: Path) -> None:
    sentence = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}")
    found = RAW_NUMBER.findall(sentence.sub("", template.read_text()))
    assert found == [], 'write {{ …|stringformat:"d" }} in addresses and attributes'
