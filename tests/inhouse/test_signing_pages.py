"""Preparing, reading and signing a declaration at the door."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import declarations, signing
from inhouse.dossier import current
from inhouse.models import Declaration, Frozen
from inhouse.snapshots import free_texts
from organisation.models import Institution, Lockout, User
from products.models import Product
from tests import factories, stations
from tests.costs import cost

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest) -> Any:
    """Setting and sealing the PDF takes a second and is tried where it is read."""
    with stations.quick():
        yield


@pytest.fixture
def product(owner: User) -> Product:
    return stations.documented()


@pytest.fixture
def signer(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def page(name: str, product: Product, *more: str) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk, *more])


def sent(answer: Any, **changes: str) -> dict[str, Any]:
    """What the form on the page would send."""
    return {field.html_name: field.value() or "" for field in answer.context["form"]} | changes


def freeze(client: Client, product: Product, **changes: str) -> Any:
    shown = client.get(page("declaration-prepare", product))
    return client.post(page("declaration-prepare", product), sent(shown, freeze="1", **changes))


def read(client: Client, product: Product) -> bytes:
    frozen = Frozen.objects.open().get(revision__product=product)
    return client.get(page("declaration-frozen", product, frozen.sha256)).content


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# --- preparing


def test_the_preview_shows_each_field_with_who_demands_it(signer: Client, product: Product) -> None:
    rows = {row.field.id: row for row in signer.get(page("declaration-prepare", product)).context["rows"]}
    assert rows["D8"].text.startswith(str(stations.DESIGN["intended_purpose"]))
    assert (rows["D1"].field.level.key, rows["D8"].field.level.key, rows["D4"].field.level.key) == (
        "law", "guidance", "regional",
    )  # fmt: skip
    assert not any(row.missing or row.changed for row in rows.values())


def test_what_is_missing_is_told_apart_from_what_is_only_empty(signer: Client, owner: User) -> None:
    product = stations.in_development()
    answer = signer.get(page("declaration-prepare", product))
    rows = {row.field.id: row for row in answer.context["rows"]}
    assert rows["D22"].missing
    assert "It cannot be signed yet" in text(answer)
    assert 'name="freeze"' not in text(answer)
    answer = freeze(signer, product)
    assert answer.status_code == 200
    assert not Frozen.objects.exists()


def test_what_changed_since_the_last_declaration_is_marked(signer: Client, owner: User) -> None:
    product = stations.second_revision()
    stations.describe(product, description="Two adapters in one")
    rows = {row.field.id: row for row in signer.get(page("declaration-prepare", product)).context["rows"]}
    assert {name for name, row in rows.items() if row.changed} >= {"D6", "D7"}
    assert "A printed adapter in one size" in rows["D7"].before
    assert not rows["D1"].changed


def test_others_see_what_would_be_declared_but_do_not_freeze_it(
    client: Client, engineer: User, product: Product
) -> None:
    client.force_login(engineer)
    answer = client.get(page("declaration-prepare", product))
    assert answer.status_code == 200
    assert 'name="freeze"' not in text(answer)
    assert client.post(page("declaration-prepare", product), {"freeze": "1"}).status_code == 403


def test_a_wording_that_is_not_whole_is_refused_and_keeps_what_was_typed(signer: Client, product: Product) -> None:
    given = {"nb-device.description": "En adapter", "place": "Norrby"}
    answer = freeze(signer, product, **given)
    assert "Translate this too, or leave out the language." in text(answer)
    assert "En adapter" in text(answer)
    assert "Norrby" in text(answer)
    assert not Frozen.objects.exists()


def test_the_draft_is_the_pdf_of_what_is_typed(signer: Client, product: Product) -> None:
    shown = signer.get(page("declaration-prepare", product))
    answer = signer.post(page("declaration-prepare", product), sent(shown, pdf="1", language="nb"))
    assert answer["Content-Type"] == "application/pdf"
    assert not Frozen.objects.exists()


def test_the_preview_is_seen_in_each_language_for_which_texts_were_entered(signer: Client, product: Product) -> None:
    set_in: list[tuple[Any, str]] = []

    def render(content: Any, *, draft: bool, language: str) -> bytes:
        set_in.append((content, language))
        return b"%PDF-"

    with patch.object(declarations, "render", render):
        here = page("declaration-prepare", product)
        shown = signer.get(here)
        assert (shown.context["languages"], shown.context["shown"]) == ([("sv", "Swedish")], "sv")
        given = sent(
            shown, **{"nb-device.description": "En adapter", "nb-device.intended_purpose": "Holder et kateter"}
        )
        answer = signer.post(here, given | {"show": "sv"})
        assert [code for code, _name in answer.context["languages"]] == ["sv", "nb"]
        assert 'aria-label="Language of the preview"' in text(answer)
        answer = signer.post(here, given | {"show": "nb"})
        rows = {row.field.id: row.text for row in answer.context["rows"]}
        assert rows["D7"] == "En adapter"
        assert rows["D8"].startswith("Holder et kateter")
        assert rows["D9"] == "MDR (medisinsk utstyr)"
        assert '<td lang="nb">' in text(answer)
        for language, gets in (("nb", "nb"), ("en", "sv")):
            assert signer.post(here, given | {"pdf": language})["Content-Type"] == "application/pdf"
            assert set_in[-1][1] == gets
        assert set_in[0][0] == set_in[1][0]  # the same snapshot
        assert not Frozen.objects.exists()


def test_the_draft_can_be_fetched_in_a_language_that_is_translated(
    client: Client, product: Product, engineer: User
) -> None:
    told = signing.content(current(product), stations.coming(product), signing.Wording("sv", "Västanstad"))
    texts = {path: f"nb: {original}" for path, original in free_texts(told).items()}
    client.force_login(engineer)
    preview = page("declaration-preview", product)
    assert client.get(f"{preview}?language=nb").status_code == 404
    stations.freeze(product, translations={"nb": texts})
    answer = client.get(f"{preview}?language=nb")
    assert answer["Content-Disposition"] == f'inline; filename="{told["number"]}-draft-nb.pdf"'
    assert client.get(preview).status_code == 200
    assert [client.get(f"{preview}?language={code}").status_code for code in ("sv", "en", "de")] == [200, 404, 404]
    shown = text(client.get(f"{page('declaration-prepare', product)}?language=nb"))
    assert "nb: A printed adapter" in shown
    assert f"{preview}?language=nb" in shown


# --- signing


def test_the_owner_freezes_reads_proves_and_signs(signer: Client, product: Product, owner: User) -> None:
    assert freeze(signer, product)["Location"] == page("declaration-sign", product)
    frozen = Frozen.objects.get()
    assert read(signer, product) == bytes(frozen.content)
    stations.prove(owner, frozen.sha256)
    answer = signer.post(page("declaration-sign", product), sent(signer.get(page("declaration-sign", product))))
    assert answer["Location"] == page("declaration", product)
    declaration = Declaration.objects.get()
    assert declaration.signed_by == owner
    told = signer.get(reverse("inhouse:declaration-file", args=[declaration.number]))
    assert told.content == bytes(declaration.file.content)


def test_password_and_code_prove_and_sign_in_one_step_and_a_wrong_try_is_counted(
    signer: Client, product: Product, owner: User
) -> None:
    code = factories.code(owner)
    freeze(signer, product)
    read(signer, product)
    here = page("declaration-sign", product)
    answer = signer.post(here, {"password": "not-the-password", "code": code})
    assert "Password and code do not fit" in text(answer)
    assert "not-the-password" not in text(answer)
    assert not Declaration.objects.exists()
    assert Lockout.objects.get().failures == 1
    assert signer.post(here, {"password": factories.PASSWORD, "code": code})["Location"] == page("declaration", product)
    assert Declaration.objects.get().frozen.signatures.get().proof.method == "code"  # type: ignore[union-attr]


def test_nobody_signs_what_they_have_not_opened(signer: Client, product: Product, owner: User) -> None:
    freeze(signer, product)
    stations.prove(owner, Frozen.objects.get().sha256)
    answer = signer.post(page("declaration-sign", product))
    assert "Open the PDF and read it first" in text(answer)
    assert not Declaration.objects.exists()


def test_without_a_second_factor_one_is_told_where_to_set_it_up(signer: Client, product: Product) -> None:
    freeze(signer, product)
    answer = signer.get(page("declaration-sign", product))
    assert "you need an authenticator app or a passkey" in text(answer)
    assert reverse("organisation:account") in text(answer)
    read(signer, product)
    assert "Prove first that it is you" in text(signer.post(page("declaration-sign", product)))
    assert not Declaration.objects.exists()


def test_what_changed_since_it_was_frozen_is_prepared_anew(signer: Client, product: Product) -> None:
    freeze(signer, product)
    stations.describe(product, description="Another description")
    answer = signer.get(page("declaration-sign", product))
    assert "prepare it anew" in text(answer)
    assert "Open the exact PDF" not in text(answer)


def test_a_co_signer_is_asked_on_the_first_page_and_everyone_sees_who_is_missing(
    client: Client, product: Product, owner: User, manager: User
) -> None:
    Institution.objects.update(co_signers=["manager"])
    client.force_login(owner)
    answer = freeze(client, product, signs_manager="")
    assert not Frozen.objects.exists()
    answer = freeze(client, product, signs_manager=str(manager.pk))
    assert answer.status_code == 302
    client.force_login(manager)
    assert "Sign the declaration as manager" in text(client.get(reverse("inhouse:home")))
    stations.set_seal(Frozen.objects.get(), by=manager)
    client.force_login(owner)
    assert "Still to sign: Ola Berg" in text(client.get(page("declaration", product)))
    assert [s.person for s in signing.unsigned(Frozen.objects.get())] == [owner]


def test_someone_who_does_not_sign_sees_how_it_stands_and_no_form(
    signer: Client, product: Product, engineer: User
) -> None:
    freeze(signer, product)
    signer.force_login(engineer)
    shown = text(signer.get(page("declaration-sign", product)))
    assert "not yet" in shown
    assert 'name="password"' not in shown
    read(signer, product)
    assert signer.post(page("declaration-sign", product)).status_code == 403


def test_what_is_frozen_can_be_given_up(signer: Client, product: Product) -> None:
    freeze(signer, product)
    assert signer.post(page("declaration-drop", product))["Location"] == page("declaration", product)
    assert not Frozen.objects.open().exists()
    assert signer.get(page("declaration-sign", product))["Location"] == page("declaration-prepare", product)


def test_two_declarations_take_as_many_queries_as_one(signer: Client, owner: User) -> None:
    once, twice = stations.second_revision("Once"), stations.second_in_force("Twice")
    stations.changing(twice)
    for name in ("declaration", "declaration-prepare"):
        assert cost(signer, page(name, once)) == cost(signer, page(name, twice))


def test_the_registrar_sees_which_declaration_still_holds_beside_the_newer_one_and_for_what(
    client: Client, registrar: User
) -> None:
    product = stations.second_in_force()
    stations.placed(product, "002")
    first = product.revisions.get(number=1)
    client.force_login(registrar)
    shown = text(client.get(page("declaration", product)))
    assert f"{product.number}-D2 replaces it by itself as soon as the last item made under it is out of use." in shown
    assert shown.count("replaces it by itself") == 1
    left = f"{page('items', product)}?revision=1"
    assert left in shown
    rows = client.get(left).context["rows"]
    assert [(row["item"].identifier, row["revision"]) for row in rows] == [("001", first)]
    assert len(client.get(page("items", product)).context["rows"]) == 2
    assert len(client.get(f"{page('items', product)}?revision=x").context["rows"]) == 2
    stations.scrapped(rows[0]["item"])
    shown = text(client.get(page("declaration", product)))
    assert "replaces it by itself" not in shown
    assert ">replaced<" in shown
    assert client.get(left).context["rows"] == []


def test_a_diary_number_follows_the_form_of_the_institution(client: Client, registrar: User) -> None:
    Institution.objects.update(diary_format="RS ####-*")
    product = stations.declared()
    declaration = stations.declaration(product)
    client.force_login(registrar)
    enter = reverse("inhouse:declaration-enter", args=[declaration.number])
    for wrong in ("RS 26-1", "RS 2026", "rs 2026-1", "RS 2026-"):
        answer = client.post(enter, {"diary_number": wrong})
        assert "RS ####-*" in text(answer)
        assert wrong in text(answer)
    client.post(enter, {"diary_number": " RS 2026-417 "})
    declaration.refresh_from_db()
    assert declaration.diary_number == "RS 2026-417"
