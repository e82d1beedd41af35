"""The pages of what falls due: for whom, in which view, what can be done with one, what was sent, one's own calendar."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from gunicorn.config import Config

from config import gunicorn as web
from config.discreet import discreet
from inhouse import desk
from inhouse.deadlines import acts, calendars, following, lists
from inhouse.deadlines.lists import Whose
from inhouse.models import CalendarAddress, Deadline
from inhouse.reminders import relay, sweep
from organisation import clock, history, people
from organisation.models import Absence, Assignment, Role, User
from products.models import Product
from tests import costs, factories, stations
from tests.stations import on_day

pytestmark = pytest.mark.django_db
TODAY = date(2026, 5, 6)  # a Wednesday
LIST = "/deadlines/"


def deadline(due_on: date = date(2026, 6, 1), **given: Any) -> Deadline:
    """One that is due, of its kind and product or of none."""
    administration = given.pop("administration", None) or factories.administration()
    defaults = {"kind": "follow_up", "role": Role.ENGINEER, "administration": administration}
    row = Deadline.objects.create(**defaults | {"due_on": due_on, **given})
    row.remind_on(due_on)
    return row


@pytest.fixture
def product() -> Product:
    """Someone proposed it and someone owns it: enough to have deadlines."""
    product = stations.proposed("Head rest")
    Product.objects.filter(pk=product.pk).update(owner=factories.person(None))
    return stations.fresh(product)


@pytest.fixture
def used() -> Product:
    with on_day("2026-03-01"):
        product = stations.in_use(design={"risk_class": "IIa"})
        following.follow([product])
    return product


def shown(client: Client, user: User, query: str = "") -> Any:
    client.force_login(user)
    with on_day(TODAY):
        return client.get(LIST + query)


def titles(answer: Any) -> list[str]:
    return [line.title for _name, lines in answer.context["sections"] for line in lines]


# --- whose


def test_mine_are_those_for_me_for_my_role_there_and_for_whom_i_stand_in(engineer: User, nurse: User) -> None:
    away = factories.user("Karin Berg")
    Assignment.objects.create(user=away, role=Role.REGISTRAR, administration=None, since=factories.LONG_AGO)
    mine = [
        deadline(person=engineer, role=""),
        deadline(subject="role"),
        deadline(subject="away", person=away, role=""),
        deadline(subject="of the role of who is away", role=Role.REGISTRAR),
    ]
    deadline(subject="another's", person=nurse, role="")
    deadline(subject="another role", role=Role.MANAGER)
    deadline(subject="elsewhere", administration=factories.other_administration())
    Absence.objects.create(person=away, stand_in=engineer, since=TODAY, until=TODAY)
    with on_day(TODAY):
        assert set(lists.of(engineer, Whose.MINE)) == set(mine)
    with on_day(TODAY + timedelta(days=1)):
        assert set(lists.of(engineer, Whose.MINE)) == set(mine[:2])


def test_a_role_without_an_administration_is_held_everywhere_and_one_that_ended_nowhere(nurse: User) -> None:
    here, everywhere = deadline(role=Role.REGISTRAR), deadline(role=Role.HEAD_OFFICE, subject="house")
    Deadline.objects.filter(pk=everywhere.pk).update(administration=None)
    head_office = factories.person(Role.HEAD_OFFICE, everywhere=True)
    registrar = factories.person(Role.REGISTRAR)
    assert list(lists.of(head_office, Whose.MINE)) == [everywhere]
    assert list(lists.of(registrar, Whose.MINE)) == [here]
    Assignment.objects.filter(user=registrar).update(until=clock.today() - timedelta(days=1))
    assert list(lists.of(registrar, Whose.MINE)) == []


def test_whoever_stands_in_for_someone_who_stands_in_has_both(nurse: User, engineer: User, manager: User) -> None:
    row = deadline(person=manager, role="")
    Absence.objects.create(person=manager, stand_in=engineer, since=TODAY, until=TODAY)
    Absence.objects.create(person=engineer, stand_in=nurse, since=TODAY, until=TODAY)
    with on_day(TODAY):
        assert list(lists.of(nurse, Whose.MINE)) == [row]


def test_my_products_my_administration_and_all(client: Client, product: Product, outsider: User) -> None:
    owner = stations.owner_of(product)
    deadline(product=product)
    deadline(subject="house", kind="quality_system", about="ISO")
    elsewhere = factories.other_administration()
    deadline(subject="other", kind="accreditation", administration=elsewhere)
    assert len(titles(shown(client, owner, "?whose=products"))) == 1
    assert len(titles(shown(client, owner, "?whose=administration"))) == 2
    assert len(titles(shown(client, outsider, "?whose=administration"))) == 1
    assert len(titles(shown(client, owner, "?whose=all"))) == 3
    assert "Nothing falls due for you." in shown(client, owner).text


# --- the list


def test_the_list_is_grouped_by_what_is_overdue_this_week_this_month_and_later(client: Client, engineer: User) -> None:
    for place, day in enumerate(["2026-05-05", "2026-05-06", "2026-05-10", "2026-05-11", "2026-05-31", "2026-06-01"]):
        deadline(date.fromisoformat(day), subject=str(place))
    answer = shown(client, engineer)
    assert [(name, len(lines)) for name, lines in answer.context["sections"]] == [
        ("Overdue", 1),
        ("This week", 2),
        ("This month", 2),
        ("Later", 1),
    ]
    for words in ("1 day overdue", "today", "in 4 days", "clinical engineer, Centralsjukhuset"):
        assert words in answer.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"late", "soon", "far", "waits"}),
        ("&state=overdue", {"late"}),
        ("&state=30", {"soon", "waits"}),
        ("&state=90", {"soon", "waits", "far"}),
        ("&state=snoozed", {"waits"}),
        ("&state=ended", {"ended"}),
        ("&kind=market_search", {"far"}),
        ("&q=head", {"soon"}),
        ("&q=nothing", set()),
        ("&day=2026-05-20", {"waits"}),
        ("&state=nonsense&kind=nonsense&day=nonsense&month=nonsense", {"late", "soon", "far", "waits"}),
    ],
)
def test_the_list_is_narrowed(client: Client, product: Product, engineer: User, query: str, found: set[str]) -> None:
    deadline(date(2026, 5, 1), about="late", subject="1")
    deadline(date(2026, 5, 18), about="soon", product=product)
    deadline(date(2026, 7, 1), about="far", kind="market_search", subject="2")
    waits = deadline(date(2026, 5, 20), about="waits", subject="3")
    deadline(date(2026, 5, 2), about="ended", subject="4", ended_on=date(2026, 5, 3), end="settled")
    with on_day(TODAY):
        acts.snooze(waits, until=date(2026, 5, 15), reason="Waits for a part", by=engineer)
    answer = shown(client, engineer, f"?whose=all{query}")
    assert {title.split(": ")[1] for title in titles(answer)} == found
    if not found:
        assert "No deadline fits this." in answer.text


def test_the_list_is_paged(client: Client, engineer: User) -> None:
    for place in range(52):
        deadline(subject=str(place))
    assert len(titles(shown(client, engineer, "?state=90"))) == 50
    second = shown(client, engineer, "?state=90&page=2")
    assert len(titles(second)) == 2
    assert "?state=90&amp;page=1" in second.text


@pytest.mark.parametrize("query", ["", "?view=month&month=2026-06", "?view=year"])
def test_three_take_as_many_queries_as_one(client: Client, engineer: User, product: Product, query: str) -> None:
    deadline(product=product)
    client.force_login(engineer)
    client.get(LIST + query)
    client.force_login(engineer)
    one = costs.cost(client, LIST + query)
    for each in range(2):
        deadline(
            product=product, subject=str(each), person=factories.user(f"Per {each}"), role="", due_on=date(2026, 6, 3)
        )
        deadline(subject=str(each))
    client.force_login(engineer)
    assert costs.cost(client, LIST + query) == one


# --- a month, twelve months


def test_a_month_is_a_calendar_with_its_weeks(client: Client, engineer: User) -> None:
    for each in range(6):
        deadline(date(2026, 6, 1), subject=str(each))
    deadline(date(2026, 7, 1), subject="next month")
    answer = shown(client, engineer, "?view=month&month=2026-06")
    weeks = answer.context["weeks"]
    assert [number for number, _days in weeks] == [23, 24, 25, 26, 27]
    first, address = weeks[0][1][0]
    assert (first.day, len(first.lines), first.more) == (date(2026, 6, 1), 4, 2)
    assert (weeks[-1][1][1][0].day, weeks[-1][1][2]) == (date(2026, 6, 30), None)
    assert "2 more" in answer.text
    assert "month=2026-05" in answer.text
    assert "month=2026-07" in answer.text
    assert len(titles(shown(client, engineer, address))) == 6


def test_a_month_in_which_nothing_falls_due_says_so(client: Client, engineer: User) -> None:
    assert "Nothing falls due in this month." in shown(client, engineer, "?view=month&month=2031-01").text


def test_twelve_months_are_counted_with_what_is_overdue_before_and_after(client: Client, engineer: User) -> None:
    for place, day in enumerate(
        ["2026-04-30", "2026-05-01", "2026-05-20", "2026-06-01", "2027-04-30", "2027-05-01", "2031-01-01"]
    ):
        deadline(date.fromisoformat(day), subject=str(place))
    answer = shown(client, engineer, "?view=year")
    months = [month for month, _address in answer.context["months"]]
    assert [(month.count, month.late) for month in months] == [(2, 1), (1, 0), *[(0, 0)] * 9, (1, 0)]
    assert (months[0].bar, months[0].late_bar, months[1].bar) == (1000, 500, 500)
    assert [answer.context[name] for name in ("before", "late_before", "after")] == [1, 1, 2]
    month = answer.context["months"][1][1]
    assert shown(client, engineer, month).context["count"] == 1


# --- one deadline


def test_the_page_says_what_when_whose_why_and_where_it_is_entered(client: Client, used: Product, nurse: User) -> None:
    row = Deadline.objects.get(product=used, kind="follow_up")
    client.force_login(nurse)
    with on_day(TODAY):
        page = client.get(row.get_absolute_url())
    for words in (
        "Clinical follow-up",
        "in 26 days",
        str(stations.owner_of(used)),
        "MDR 5(5)(h)",
        "VGR guideline",
        reverse("inhouse:follow-up", args=[used.pk]),
        "It ends by itself",
        "falls due on 1 June 2026",
        "Enligt uppgifterna",  # the history is kept in the language of the institution
        "Nothing has been sent about it yet.",
    ):
        assert words in page.text, words
    assert "IVDR" not in page.text
    assert "<textarea" not in page.text


def test_what_belongs_to_no_product_leads_to_where_it_is_kept(client: Client, nurse: User) -> None:
    system = factories.quality_system()
    row = deadline(kind="quality_system", subject=str(system.pk))
    told = deadline(kind="notification", role=Role.HEAD_OFFICE)
    client.force_login(nurse)
    assert reverse("inhouse:quality-system", args=[system.pk]) in client.get(row.get_absolute_url()).text
    assert reverse("inhouse:institution") in client.get(told.get_absolute_url()).text


def test_who_did_it_marks_it_with_what_shows_it_and_an_error_keeps_what_was_typed(
    client: Client, used: Product
) -> None:
    row = Deadline.objects.get(product=used, kind="declaration_review")
    client.force_login(stations.owner_of(used))
    with on_day(TODAY):
        refused = client.post(row.get_absolute_url(), {"do": "done", "done-evidence": "Seen with 19121212-1212"})
        assert "Do not write the patient" in refused.text
        assert "Seen with 19121212-1212" in refused.text
        sent = client.post(
            row.get_absolute_url(), {"do": "done", "done-evidence": "Read it; it still holds"}, follow=True
        )
    assert "It is marked as done." in sent.text
    assert "Read it; it still holds" in sent.text
    row.refresh_from_db()
    assert (row.end, row.ended_by) == (Deadline.End.DONE, stations.owner_of(used))
    with on_day(TODAY):
        again = client.post(row.get_absolute_url(), {"do": "done", "done-evidence": "Once more"})
    assert "This deadline has ended." in again.text


def test_a_deadline_waits_and_no_longer_waits(client: Client, used: Product) -> None:
    row = Deadline.objects.get(product=used, kind="follow_up")
    address = row.get_absolute_url()
    client.force_login(stations.owner_of(used))
    with on_day(TODAY):
        late = client.post(
            address, {"do": "snooze", "snooze-until": "2026-06-02", "snooze-reason": "A part is ordered"}
        )
        assert "It cannot wait longer" in late.text
        assert "A part is ordered" in late.text
        client.post(address, {"do": "snooze", "snooze-until": "2026-05-20", "snooze-reason": "A part is ordered"})
        assert "It waits until 20 May 2026" in client.get(address).text
        assert "waits until 20 May 2026" in shown(client, stations.owner_of(used)).text
        client.post(address, {"do": "wake"})
        assert "It waits until" not in client.get(address).text
    row.refresh_from_db()
    assert row.snoozed_until is None
    assert history.of(row).filter(history_change_reason="A part is ordered").exists()


def test_whoever_it_is_not_for_is_refused_and_nothing_has_changed(
    client: Client, used: Product, outsider: User
) -> None:
    row = Deadline.objects.get(product=used, kind="follow_up")
    client.force_login(outsider)
    sent = {"do": "snooze", "snooze-until": "2026-05-20", "snooze-reason": "Why not"}
    with on_day(TODAY):
        assert client.post(row.get_absolute_url(), sent).status_code == 403
        assert "Whoever it is for can let it wait" in client.get(row.get_absolute_url()).text
    row.refresh_from_db()
    assert row.snoozed_until is None


def test_someone_it_is_for_in_person_may_though_they_hold_no_role(client: Client, nurse: User) -> None:
    row = deadline(date(2031, 1, 1), person=nurse, role="")
    client.force_login(nurse)
    sent = {"do": "snooze", "snooze-until": "2030-01-01", "snooze-reason": "Not before"}
    assert client.post(row.get_absolute_url(), sent).status_code == 302


# --- what was sent


def at(text: str) -> Any:
    return clock.at(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_what_was_sent_is_read_by_its_reader_and_stands_at_the_deadline(client: Client, used: Product) -> None:
    User.objects.filter(pk=stations.owner_of(used).pk).update(language="en", reminded=User.Reminded.EACH)
    row = Deadline.objects.get(product=used, kind="follow_up")
    with on_day("2026-05-02"):
        sweep.sweep()
    client.force_login(stations.owner_of(used))
    with at("2026-05-02T08:00"):
        assert "No reminder has been sent to you yet." in client.get("/reminders/").text
        assert "is sent from 2 May 2026, 06:00 on" in client.get(row.get_absolute_url()).text
        relay.relay()
        mine, page = client.get("/reminders/"), client.get(row.get_absolute_url())
    [sent] = [each for each in mail.outbox if "Clinical follow-up" in str(each.subject)]
    told = row.reminders.get()
    assert told.text in sent.body
    for answer in (mine, page):
        assert str(sent.subject) in answer.text
        assert "Why: " in answer.text
    for words in ("30 days before", "mail", str(stations.owner_of(used)), told.answer):
        assert words in page.text
    client.force_login(factories.nurse())
    assert "No reminder has been sent to you yet." in client.get("/reminders/").text


def test_three_reminders_take_as_many_queries_as_one(client: Client, nurse: User) -> None:
    def told(count: int) -> None:
        for each in range(count):
            row = deadline(product=stations.proposed(f"Jig {count} {each}"))
            for step in (30, 7):
                row.reminders.create(
                    due_on=row.due_on, step=step, recipient=nurse, stands_in_for=factories.user(f"Per {step}"),
                    channel="mail", made_at=clock.now(), not_before=clock.now(), sent_at=clock.now(), subject="Due",
                )  # fmt: skip

    told(1)
    client.force_login(nurse)
    one = costs.cost(client, "/reminders/")
    told(3)
    client.force_login(nurse)
    assert costs.cost(client, "/reminders/") == one


def test_a_reminder_that_was_given_up_or_came_twice_says_so(client: Client, nurse: User, product: Product) -> None:
    row = deadline(product=product)
    common = {
        "due_on": row.due_on,
        "recipient": nurse,
        "channel": "mail",
        "made_at": clock.now(),
        "not_before": clock.now(),
    }
    row.reminders.create(step=30, failed_at=clock.now(), answer="550 no such user", **common)
    row.reminders.create(step=7, attempts=2, **common)
    row.reminders.create(step=0, sent_at=clock.now(), uncertain=1, **common)
    row.reminders.create(step=-7, dropped_at=clock.now(), **common)
    client.force_login(nurse)
    page = client.get(row.get_absolute_url()).text
    for words in ("550 no such user", "tried 2 times", "it may have come twice", "no longer needed", "7 days after"):
        assert words in page, words


# --- one's own calendar


def events_of(content: bytes) -> list[Any]:
    return list(icalendar.Calendar.from_ical(content).walk("VEVENT"))


def test_the_address_is_shown_once_and_only_its_hash_is_kept(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    made = client.post("/deadlines/calendar/", {"do": "make"})
    secret = made.context["address"].rsplit("/", 1)[1].removesuffix(".ics")
    assert made.context["address"] in made.text
    assert "no-store" in made["Cache-Control"]
    assert secret not in client.get("/deadlines/calendar/").text
    [kept] = CalendarAddress.objects.values_list("secret", flat=True)
    assert kept != secret
    assert not history.of(CalendarAddress).filter(history_change_reason__contains=secret).exists()


def test_a_calendar_has_what_is_mine_and_of_my_products_each_on_its_day(client: Client, used: Product) -> None:
    owner = stations.owner_of(used)
    User.objects.filter(pk=owner.pk).update(language="sv")
    other = deadline(
        product=used, kind="action", about="Tighten the strap; then, oil it", person=factories.nurse(), role=""
    )
    deadline(subject="another's")
    address = reverse("inhouse:calendar-file", args=[calendars.make(by=owner)])
    answer = client.get(address)
    assert answer["Content-Type"].startswith("text/calendar")
    assert answer["Cache-Control"] == "private, no-store"
    events = {event["uid"]: event for event in events_of(answer.content)}
    mine = Deadline.objects.get(product=used, kind="follow_up")
    of_used = Deadline.objects.open().filter(product=used).values_list("pk", flat=True)
    assert set(events) == {f"deadline-{pk}@127.0.0.1" for pk in of_used}
    event = events[f"deadline-{mine.pk}@127.0.0.1"]
    assert event["dtstart"].dt == date(2026, 6, 1)
    assert event["dtend"].dt == date(2026, 6, 2)
    assert event["summary"] == f"Klinisk uppföljning ({used.number})"
    assert mine.get_absolute_url() in event["url"]
    assert "MDR" in event["description"]
    assert event["status"] == "CONFIRMED"
    assert "Tighten the strap; then, oil it" in events[f"deadline-{other.pk}@127.0.0.1"]["summary"]
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))


def test_an_event_keeps_its_uid_when_its_day_moves_and_goes_when_it_ends(client: Client, nurse: User) -> None:
    row = deadline(person=nurse, role="")
    address = reverse("inhouse:calendar-file", args=[calendars.make(by=nurse)])

    def events() -> list[tuple[str, date]]:
        return [(str(event["uid"]), event["dtstart"].dt) for event in events_of(client.get(address).content)]

    [(uid, _day)] = events()
    Deadline.objects.update(due_on=date(2026, 7, 1))
    assert events() == [(uid, date(2026, 7, 1))]
    row.refresh_from_db()
    row.ended_on, row.end = date(2026, 5, 1), Deadline.End.SETTLED
    row.save()
    assert events() == []


def test_a_calendar_of_three_takes_as_many_queries_as_one_of_one(client: Client, nurse: User, product: Product) -> None:
    deadline(person=nurse, role="", product=product)
    address = reverse("inhouse:calendar-file", args=[calendars.make(by=nurse)])
    one = costs.cost(client, address)
    deadline(person=nurse, role="", product=product, subject="2")
    deadline(person=nurse, role="", subject="3")
    assert costs.cost(client, address) == one


def test_an_address_that_was_renewed_taken_away_or_is_of_someone_who_left_leads_nowhere(
    client: Client, nurse: User, operator: User
) -> None:
    first = reverse("inhouse:calendar-file", args=[calendars.make(by=nurse)])
    second = reverse("inhouse:calendar-file", args=[calendars.make(by=nurse)])
    assert (client.get(first).status_code, client.get(second).status_code) == (404, 200)
    client.force_login(nurse)
    client.post("/deadlines/calendar/", {"do": "take-away"})
    assert client.get(second).status_code == 404
    third = reverse("inhouse:calendar-file", args=[calendars.make(by=nurse)])
    people.deactivate(nurse, reason="Left", by=operator)
    assert client.get(third).status_code == 404
    assert client.get("/calendar/short.ics").status_code == 404


def test_no_log_tells_the_secret(client: Client, nurse: User, capsys: Any) -> None:
    secret = calendars.make(by=nurse)
    path = reverse("inhouse:calendar-file", args=[secret])
    calendars.take_away(by=nurse)
    assert discreet(f"GET {path} HTTP/1.1") == "GET /calendar/….ics HTTP/1.1"
    [console] = [each for each in logging.getLogger().handlers if each.filters]
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "Not Found: %s", (path,), None)
    assert console.filter(record)
    assert secret not in console.format(record)
    config = Config()
    config.set("accesslog", "-")
    config.set("access_log_format", web.access_log_format)
    logger = web.DiscreetLogger(config)
    for log in (logger.access_log, logger.error_log):
        log.warning("%(m)s %(U)s", {"m": "GET", "U": path})
    told = capsys.readouterr()
    assert "/calendar/….ics" in told.out + told.err
    assert secret not in told.out + told.err


# --- the first page and the page of the product


def test_the_first_page_has_each_thing_once_with_its_day(client: Client, manager: User) -> None:
    product = stations.eligible()
    following.follow([product])
    assert [(task.what, task.due) for task in desk.tasks(manager)] == [
        ("Appoint a product owner", clock.today() + timedelta(days=7))
    ]
    client.force_login(manager)
    assert client.get("/").text.count("Appoint a product owner") == 2  # and the name of its button


def test_what_is_due_later_stands_beside_and_what_waits_is_left_out(client: Client, engineer: User) -> None:
    with on_day(TODAY):
        soon, far = deadline(about="soon"), deadline(date(2026, 9, 1), about="far", subject="2")
        waits = deadline(about="waits", subject="3")
        acts.snooze(waits, until=date(2026, 5, 20), reason="A part is ordered", by=engineer)
        assert [task.address for task in desk.tasks(engineer)] == [soon.get_absolute_url()]
        assert [line.deadline for line in desk.later(engineer)] == [far]
        client.force_login(engineer)
        page = client.get("/").text
    assert "Clinical follow-up: far" in page
    assert page.count("Clinical follow-up: soon") == 2  # what, and the name of its button


def test_the_page_of_a_product_has_its_next_five(client: Client, used: Product, nurse: User) -> None:
    for each in range(4):
        deadline(date(2027, 1, 1), product=used, kind="action", subject=str(each), about=f"Action {each}")
    client.force_login(nurse)
    page = client.get(reverse("inhouse:product", args=[used.pk]))
    assert len(page.context["due"]) == 5
    assert f"/deadlines/?whose=all&amp;q={used.number}" in page.text
    past = client.get(reverse("inhouse:product", args=[used.pk]), {"day": "2026-04-01", "time": "on"})
    assert (past.context["due"], len(past.context["coming_up"])) == ([], 2)
