"""The first page, the list of products, and the page of one product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import design, desk, owners
from inhouse.deadlines import following
from organisation.models import QualitySystem, User
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db

# Queries are counted after a sign-in: within a test's one transaction, reading after a write asks once more who is acting.


def page(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


@pytest.fixture
def reader(client: Client, nurse: User) -> Client:
    client.force_login(nurse)
    return client


def test_an_empty_register_says_where_to_begin(reader: Client) -> None:
    answer = reader.get(reverse("inhouse:products"))
    assert "begins here" in answer.content.decode()


def test_the_list_is_narrowed_by_stage_name_and_category(reader: Client) -> None:
    stations.proposed("Head rest")
    stations.eligible("Arm rest")
    found = {
        words: [product.name for product in reader.get(reverse("inhouse:products"), query).context["page"]]
        for words, query in {
            "all": {},
            "stage": {"stage": "eligible"},
            "name": {"q": "head"},
            "category": {"category": "manufacture_modify"},
            "none": {"category": "research"},
        }.items()
    }
    assert found == {
        "all": ["Arm rest", "Head rest"],
        "stage": ["Arm rest"],
        "name": ["Head rest"],
        "category": ["Arm rest"],
        "none": [],
    }


def test_a_list_of_three_takes_as_many_queries_as_a_list_of_one(
    reader: Client, nurse: User, django_assert_max_num_queries: Any
) -> None:
    stations.proposed()
    reader.get(reverse("inhouse:products"))
    with django_assert_max_num_queries(100) as one:
        reader.get(reverse("inhouse:products"))
    stations.proposed()
    stations.proposed()
    reader.force_login(nurse)
    with django_assert_max_num_queries(len(one)):
        reader.get(reverse("inhouse:products"))


def test_the_page_names_what_stands_in_the_way_with_its_source(reader: Client) -> None:
    product = stations.proposed()
    answer = reader.get(page("product", product)).content.decode()
    assert "Say whether it is a medical device." in answer
    assert "MDR 5(5), Annex I" in answer
    assert page("assessment-device", product) in answer


@pytest.mark.parametrize(
    "station", ["proposed", "rejected", "in_development", "in_use", "suspended", "second_revision", "withdrawn"]
)
def test_the_page_opens_at_every_station_for_anyone_on_staff(reader: Client, station: str) -> None:
    product = getattr(stations, station)()
    assert reader.get(page("product", product)).status_code == 200


def test_a_product_with_three_items_takes_no_more_queries_than_with_one(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    product = stations.in_use()
    client.force_login(stations.owner_of(product))
    client.get(page("product", product))
    with django_assert_max_num_queries(200) as one:
        client.get(page("product", product))
    stations.placed(product, "002")
    stations.placed(product, "003")
    client.force_login(stations.owner_of(product))
    with django_assert_max_num_queries(len(one)):
        client.get(page("product", product))


def test_the_page_of_a_past_day_shows_what_was_true_then(reader: Client) -> None:
    with stations.on_day("2026-01-10"):
        product = stations.needed("Head rest")
    with stations.on_day("2026-03-01"):
        stations.searched(product)
    shown = reader.get(page("product", product), {"day": "2026-02-01", "time": "on"})
    assert shown.context["d"].searches == []
    assert "This is what was true on" in shown.content.decode()
    assert len(reader.get(page("product", product), {"day": "2026-03-01"}).context["d"].searches) == 1


def test_the_register_held_nothing_before_the_proposal(reader: Client) -> None:
    with stations.on_day("2026-01-10"):
        product = stations.proposed()
    assert "held nothing" in reader.get(page("product", product), {"day": "2025-12-31", "time": "on"}).content.decode()


def test_search_finds_by_number_item_and_diary_but_never_a_patient(reader: Client) -> None:
    product = stations.in_use("Head rest")
    diary = stations.declaration(product).diary_number
    for words in (product.number, "head", "001", diary):
        assert product.number in reader.get(reverse("inhouse:search"), {"q": words}).content.decode(), words
    assert "Nothing fits" in reader.get(reverse("inhouse:search"), {"q": "199802022383"}).content.decode()


def test_a_manager_is_told_to_appoint_an_owner_until_someone_is_asked(manager: User, nurse: User) -> None:
    told = "Appoint a product owner"
    product = stations.eligible()
    assert [task.what for task in desk.tasks(manager)] == [told]
    first = owners.appoint(product, person=nurse, level_reason="Knows it", by=manager)
    assert desk.tasks(manager) == []
    owners.decline(first, reason="No time", by=nurse)
    assert [task.what for task in desk.tasks(manager)] == [told]
    second = owners.appoint(product, person=nurse, level_reason="Knows it", by=manager)
    owners.take_back(second, by=manager)
    assert [task.what for task in desk.tasks(manager)] == [told]


@pytest.mark.parametrize("station", [stations.owned, stations.in_use, stations.suspended, stations.withdrawn])
def test_a_manager_is_told_that_an_owner_has_left_until_someone_who_has_not_is_asked(
    station: Callable[[], Product], manager: User, nurse: User
) -> None:
    product = station()
    owner = stations.owner_of(product)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    told = [f"Appoint a new product owner: {owner} has left"]
    assert [task.what for task in desk.tasks(manager)] == told
    owners.appoint(product, person=nurse, level_reason="Knows it", by=manager)
    assert desk.tasks(manager) == []
    User.objects.filter(pk=nurse.pk).update(is_active=False)
    assert [task.what for task in desk.tasks(manager)] == told


def test_a_proposer_sees_how_far_the_proposals_are(client: Client, manager: User, nurse: User) -> None:
    begun, ready, ended = stations.proposed("Head rest"), stations.assessed("Arm rest"), stations.rejected("Foot rest")
    owned = stations.owned("Knee rest")
    used = stations.in_use("Leg rest")
    client.force_login(begun.proposed_by)
    told = dict(client.get(reverse("inhouse:home")).context["proposals"])
    assert told[begun].endswith("parts left before it can be submitted")
    assert told[ready] == "waits for a manager to decide"
    assert told[ended] == ended.get_outcome_display()
    assert owned in told
    assert used not in told
    client.force_login(manager)
    assert "Your proposals" not in client.get(reverse("inhouse:home")).content.decode()


def test_the_owner_is_told_to_sign_and_the_manager_to_decide(manager: User) -> None:
    stations.assessed("Head rest")
    signing = stations.documented("Arm rest")
    assert "Decide whether it is made" in [task.what for task in desk.tasks(manager)]
    assert [task.what for task in desk.tasks(stations.owner_of(signing)) if task.product == signing] == [
        "Read and sign the declaration"
    ]


def test_the_registrar_is_told_what_lacks_a_diary_number(registrar: User) -> None:
    stations.declared()
    assert [task.what for task in desk.tasks(registrar)] == ["Give the declaration a diary number"]


def test_the_outsider_is_told_nothing_of_another_administration(outsider: User) -> None:
    stations.assessed()
    stations.declared()
    assert desk.tasks(outsider) == []


def test_an_overdue_follow_up_stands_first_and_in_red() -> None:
    with stations.on_day("2026-01-10"):
        product = stations.in_use()
        following.follow([product])
    with stations.on_day("2026-11-01"):
        task = desk.tasks(stations.owner_of(product))[0]
        assert (task.what, task.state) == ("Clinical follow-up", "danger")


def test_the_first_page_takes_as_many_queries_for_three_products_as_for_one(
    client: Client, owner: User, django_assert_max_num_queries: Any
) -> None:
    stations.documented(owner=owner)
    client.force_login(owner)
    client.get("/")
    with django_assert_max_num_queries(200) as one:
        client.get("/")
    stations.documented(owner=owner)
    stations.documented(owner=owner)
    client.force_login(owner)
    with django_assert_max_num_queries(len(one)):
        client.get("/")


def test_the_design_is_written_by_the_engineer_and_read_by_the_nurse(
    client: Client, engineer: User, nurse: User
) -> None:
    product = stations.owned()
    factories.quality_system()
    client.force_login(engineer)
    shown = client.get(page("design", product))
    for form in (shown.context["form"], shown.context["system"], shown.context["pieces"]):
        assert [name for name in form.fields if f'name="{form[name].html_name}"' not in shown.text] == []
    sent = {
        **stations.DESIGN,
        "patient_tracing": "False",
        "seen": shown.context["form"]["seen"].value(),
        "parts-TOTAL_FORMS": "1",
        "parts-INITIAL_FORMS": "0",
        "parts-0-name": "Screw",
        "parts-0-maker": "Skruv AB",
    }
    assert client.post(page("design", product), sent).status_code == 302
    revision = stations.coming(product)
    assert (revision.reference, [part.name for part in revision.parts.all()]) == ("A1", ["Screw"])
    client.force_login(nurse)
    shown = client.get(page("design", product))
    assert "Screw" in shown.content.decode()
    assert 'method="post"' not in shown.content.decode().split("<main", 1)[1]
    assert client.post(page("design", product), sent).status_code == 403


def test_two_people_write_the_design_and_the_later_one_sees_both(client: Client, engineer: User) -> None:
    product = stations.owned()
    client.force_login(engineer)
    opened = client.get(page("design", product)).context
    seen = opened["form"]["seen"].value()
    stations.describe(product, reference="B2")
    sent = {
        **stations.DESIGN,
        "reference": "C3",
        "patient_tracing": "False",
        "seen": seen,
        "parts-TOTAL_FORMS": "0",
        "parts-INITIAL_FORMS": "0",
    }
    answer = client.post(page("design", product), sent)
    told = answer.content.decode()
    assert answer.status_code == 200
    assert "changed this while you were writing" in told
    assert "B2" in told
    assert "C3" in told
    assert stations.coming(product).reference == "B2"
    for form in (answer.context["form"], answer.context["system"]):
        sent[form["seen"].html_name] = form["seen"].value()
    assert client.post(page("design", product), sent).status_code == 302
    assert stations.coming(product).reference == "C3"


def piece(name: str, maker: str = "") -> design.Piece:
    return {"name": name, "maker": maker, "model": "", "edition": "", "is_ce_marked": False}


def lines(form: Any) -> dict[str, Any]:
    """What the browser would send back of a list if nothing was typed."""
    sent = {form["seen"].html_name: form["seen"].value()}
    for each in (form.lines.management_form, *form.lines):
        sent |= {each[name].html_name: each[name].value() for name in each.fields}
    return {name: value for name, value in sent.items() if value is not None and value is not False}


def test_two_write_the_list_of_parts_and_neither_loses_one(client: Client, engineer: User, owner: User) -> None:
    product = stations.in_development(owner=owner)
    revision = stations.coming(product)
    design.compose(revision, [piece("Screw"), piece("Cuff"), piece("Tape")], by=owner)
    client.force_login(engineer)
    opened = client.get(page("design", product)).context
    design.compose(revision, [piece("Screw"), piece("Cuff", "Cuff AS"), piece("Hose")], by=owner)
    sent = lines(opened["pieces"]) | stations.DESIGN | {"patient_tracing": "False"}
    sent |= {opened[name]["seen"].html_name: opened[name]["seen"].value() for name in ("form", "system")}
    sent |= {"parts-1-maker": "Mansjett AB", "parts-0-DELETE": "on", "parts-3-name": "Glue"}
    answer = client.post(page("design", product), sent)
    assert f"{owner.name} changed this while you were writing" in answer.content.decode()
    form = answer.context["pieces"]
    assert [(name, theirs == "not there", mine == "not there") for name, theirs, mine in form.theirs] == [
        ("Tape", True, False),
        ("Cuff", False, True),
        ("Hose", False, True),
    ]
    assert sorted(part.name for part in revision.parts.all()) == ["Cuff", "Hose", "Screw"]
    again = sent | lines(form)
    assert client.post(page("design", product), again).status_code == 302
    assert sorted((part.name, part.maker) for part in revision.parts.all()) == [
        ("Cuff", "Cuff AS"),
        ("Cuff", "Mansjett AB"),
        ("Glue", ""),
        ("Hose", ""),
    ]


def test_two_name_the_quality_system_and_the_later_sees_both(client: Client, engineer: User, owner: User) -> None:
    product = stations.in_development(owner=owner)
    here = factories.administration()
    second = QualitySystem.objects.create(administration=here, name="New system", scope="All")
    third = QualitySystem.objects.create(administration=here, name="Old system", scope="All")
    client.force_login(engineer)
    opened = client.get(page("design", product)).context
    design.describe(stations.coming(product), {}, quality_system=second, by=owner)
    sent = lines(opened["pieces"]) | stations.DESIGN | {"patient_tracing": "False"}
    sent |= {opened[name]["seen"].html_name: opened[name]["seen"].value() for name in ("form", "system")}
    sent["system-quality_system"] = third.pk
    answer = client.post(page("design", product), sent)
    assert answer.context["system"].theirs == [("Quality management system", "New system", "Old system")]
    assert stations.fresh(product).quality_system == second
    sent["system-seen"] = answer.context["system"]["seen"].value()
    assert client.post(page("design", product), sent).status_code == 302
    assert stations.fresh(product).quality_system == third


def test_while_a_new_revision_is_made_the_page_shows_what_is_in_force(reader: Client) -> None:
    product = stations.second_revision()
    answer = reader.get(page("product", product))
    states = {condition.point: condition.state for condition in answer.context["matrix"]}
    assert states["e"] == "met"  # patients meet revision 1, and its declaration stands
    text = " ".join(answer.content.decode().split())
    assert "revision 1" in text
    assert "revision 2 open" in text


def test_what_stands_in_the_way_comes_in_the_order_of_the_steps_and_the_decision_last(reader: Client) -> None:
    shown = reader.get(page("product", stations.proposed()))
    pages = [obstacle.mend for step, before in shown.context["ahead"] for obstacle in before]
    steps = ["device", "route", "scope", "need", "prohibitions", "weighing"]
    assert [each for each in dict.fromkeys(pages) if each.startswith("assessment-")] == [
        f"assessment-{step}" for step in steps
    ]
    assert pages[-1] == "decision"
    assert pages.index("assessment-need") < pages.index("market") < pages.index("assessment-prohibitions")


def test_what_follows_from_a_cause_is_not_told_beside_it(client: Client) -> None:
    product = stations.in_development()
    client.force_login(stations.owner_of(product))
    shown = client.get(page("product", product))
    text = shown.content.decode()
    assert "Record an approved verification." in text
    assert "The declaration is signed only when" not in text
    assert "The product owner signs the declaration." not in text
    assert text.count("Add the information to users.") == 1
    assert "Also needed before “in use”" in text
    asked = client.get(page("declaration", product)).content.decode()
    assert "The declaration is signed only when" not in asked


def test_the_head_of_the_page_holds_the_next_thing_to_do_for_whoever_may(client: Client, nurse: User) -> None:
    def head(product: Product, someone: User) -> str:
        client.force_login(someone)
        return client.get(page("product", product)).content.decode().split('class="subjects"')[0]

    proposal = stations.proposed()
    assert "Go on with the assessment" in head(proposal, proposal.proposed_by)
    first = reverse("inhouse:assessment-question", args=[proposal.pk, "software_is_device.sw1"])
    assert f'href="{first}"' in head(proposal, proposal.proposed_by)
    described = stations.in_development()
    engineer = stations.engineer(described)
    assert f'href="{page("documents", described)}"' in head(described, engineer)
    assert "Next: " in head(described, engineer)
    assert "Next: " not in head(described, nurse)
    signing = stations.documented()
    assert f'href="{page("declaration-sign", signing)}"' in head(signing, stations.owner_of(signing))
    assert page("declaration-sign", signing) not in head(signing, engineer)
    waiting = stations.declared()
    assert f'href="{page("declaration", waiting)}"' in head(waiting, stations.registrar(waiting))


def test_a_narrow_screen_is_told_how_far_it_is(reader: Client) -> None:
    assert "Step 6 of 8: In use" in reader.get(page("product", stations.in_use())).content.decode()


def test_a_product_in_use_is_not_told_what_keeps_it_from_being_withdrawn(reader: Client) -> None:
    answer = reader.get(page("product", stations.in_use())).content.decode()
    assert "Say why the product is taken out of use" not in answer


def test_a_pause_is_told_once(reader: Client) -> None:
    answer = reader.get(page("product", stations.suspended())).content.decode()
    assert answer.count("Use is paused: close the cause first.") == 1


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("product", "day=9999-12-31&time=known"),
        ("product", "day=0001-01-01&time=known"),
        ("product", "day=0001-01-01&time=on"),
        ("design", "revision=²"),
        ("design", f"revision={'9' * 5000}"),
        ("history", "of=%00"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered(client: Client, engineer: User, name: str, query: str) -> None:
    product = stations.in_development()
    client.force_login(engineer)
    assert client.get(f"{reverse(f'inhouse:{name}', args=[product.pk])}?{query}").status_code == 200


@pytest.mark.parametrize("place", ["/search/", "/products/", "/items/"])
def test_signs_that_no_database_keeps_are_searched_for_in_vain(client: Client, head_office: User, place: str) -> None:
    stations.proposed()
    client.force_login(head_office)
    assert client.get(f"{place}?q=%00&administration=%00&unit=%00&page=%00").status_code == 200


def test_lines_counted_in_another_script_are_no_lines(client: Client, engineer: User) -> None:
    product = stations.needed()
    client.force_login(engineer)
    for sent in ({"places-TOTAL_FORMS": "²", "add": "1"}, {"places-TOTAL_FORMS": "1", "remove": "²"}):
        assert client.post(reverse("inhouse:market-places", args=[product.pk]), sent).status_code == 200
