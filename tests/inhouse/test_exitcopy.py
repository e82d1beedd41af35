"""A copy of the register opens without us: its pages lead somewhere, its sums are right, and it says who no patient is."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from dataclasses import fields
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from documents import checking, storing
from documents.models import Document
from inhouse import evidence, exitcopy, tracing
from inhouse.dossier import Dossier, current
from inhouse.exitcopy import copying, files, pages, tables
from inhouse.exitcopy.zipped import zipped
from inhouse.models import Answer, EvidenceDocument, ExitCopy
from organisation import alarms, clock
from organisation.models import Assignment, User
from products import identity
from products.models import Item, PatientUse, Product
from tests import factories, stations

pytestmark = pytest.mark.django_db
PATIENT = "19900602-2397"


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.EXIT_COPY_ROOT = tmp_path / "copies"
    return tmp_path / "copies"


@pytest.fixture
def product(db: None) -> Product:
    """In use, with a patient, a document in two versions and a name that file systems do not like."""
    product = stations.in_use('Slip/fåll: "1.5"? * 日本')
    tracing.note_use(
        product.items.get(), identifier=identity.parse("se_personnummer", PATIENT), used_on=clock.today(),
        unit=factories.ward(), by=stations.engineer(product),
    )  # fmt: skip
    revised(product)
    return product


def revised(product: Product) -> Document:
    """A document of the product in two versions, under a name with signs in it."""
    first = EvidenceDocument.objects.filter(revision__product=product).latest("pk").document
    return storing.replace(
        first, factories.pdf("Anew", name="Ritning #2 100% ☂.pdf"), by=stations.engineer(product), version="2/b"
    )


def make(folder: Path, **how: Any) -> copying.Made:
    made = copying.make(folder, Product.objects.all(), **how)
    assert made is not None
    return made


def of(folder: Path, product: Product) -> Path:
    return folder / copying.folder_name(product.number, product.name)


def told(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "data/product.json").read_text())
    return content


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        said = dict(attrs)
        assert not [name for name in said if name.startswith("on") or name == "style"]
        self.links += [link for name in ("href", "src") if (link := said.get(name))]
        if name := said.get("id"):
            self.ids.add(name)


def test_every_link_of_every_page_leads_to_a_file_of_the_copy(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    found = sorted((tmp_path / "copy").rglob("*.html"))
    assert [path.name for path in found] == ["history.html", "index.html", "index.html"]
    for path in found:
        page = Page(path)
        assert not page.tags & {"script", "style", "img", "iframe", "form", "object"}
        assert page.links
        for link in page.links:
            name, _hash, mark = link.partition("#")
            assert not name.startswith(("http", "/", "file"))
            assert (path.parent / unquote(name)).is_file() if name else mark in page.ids, link


def test_the_sums_are_right_and_name_every_file(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    for folder in (tmp_path / "copy", of(tmp_path / "copy", product)):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        listed = {line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()}
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert listed == there - {"SHA256SUMS"}
    assert list((tmp_path / "copy").rglob("*.part")) == []


def test_json_and_csv_hold_as_much_as_the_database(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    folder = of(tmp_path / "copy", product)
    data = told(folder)["tables"]
    assert len(data) > 35
    assert len(data["answers"]) == Answer.objects.count() > 20
    assert len(data["documents"]) == Document.objects.count()
    assert len(data["steps"]) == product.steps.count() > 2
    assert [row["made_to"] for row in data["items"]] == [item.made_to for item in Item.objects.all()]
    assert data["declarations"][0]["snapshot"]["device"]["name"] == product.name
    assert data["product"][0]["owner"] == str(product.owner)
    assert data["product"][0]["proposed_on"] == product.proposed_on.isoformat()
    for name, rows in data.items():
        content = (folder / f"data/{name}.csv").read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        read = list(csv.DictReader(StringIO(content.decode("utf-8-sig")), delimiter=";"))
        assert len(read) == len(rows), name
        assert [row["id"] for row in read] == [str(row["id"]) for row in rows]
    meant = list(csv.DictReader(StringIO((folder / "data/columns.csv").read_text("utf-8-sig")), delimiter=";"))
    assert {row["table"] for row in meant} == set(data)


def test_what_is_read_stands_in_words(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    page = (of(tmp_path / "copy", product) / "index.html").read_text()
    assert '<html lang="sv">' in page
    for words in (
        "Only for the group",
        "A printed adapter in one size",
        "EUDAMED",
        "CathFix",
        "As we see it",
        "Too wide",
    ):
        assert (words in page) == (words != "Only for the group"), words
    for raw in ("in_house", "general_definition", "not_safe_benefit", "class_mdr", "rule-1", "mdr_or_ivd"):
        assert f">{raw}<" not in page
    assert "Ja</strong>" in page


def test_who_a_patient_is_is_nowhere_in_it(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    digits = PATIENT.replace("-", "")
    for path in (tmp_path / "copy").rglob("*"):
        content = path.read_bytes() if path.is_file() else path.name.encode()
        for form in (PATIENT, PATIENT[2:], digits, digits[2:]):
            assert form.encode() not in content, path
    use = PatientUse.objects.get()
    [row] = told(of(tmp_path / "copy", product))["tables"]["patient_uses"]
    assert (row["patient_id"], row["item_id"]) == (str(use.patient_id), use.item_id)
    assert not [name for name in told(of(tmp_path / "copy", product))["tables"] if "identit" in name]


def test_documents_lie_there_in_every_version_under_their_own_names(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    folder = of(tmp_path / "copy", product)
    for document in Document.objects.select_related("file"):
        path = folder / told(folder)["files"][str(document.pk)]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == document.file.sha256
    assert (folder / "documents/Ritning #2 100% ☂ (2-b).pdf").is_file()
    assert folder.name == f"{product.number} Slip-fåll_ _1.5__ _ 日本"


@pytest.mark.parametrize(
    ("filename", "version", "name"),
    [
        ("plan.pdf", "", "plan.pdf"),
        ("plan.pdf", "1.0/B", "plan (1.0-B).pdf"),
        ("con.txt", "", "_con.txt"),
        ("no ending", "2", "no ending (2)"),
        ("a" * 150 + ".pdf", "3", "a" * 82 + " (3).pdf"),
        ("../../etc/passwd", "", "passwd"),
    ],
)
def test_a_name_is_one_that_every_file_system_takes(filename: str, version: str, name: str) -> None:
    assert files.named(filename, version) == name


def test_two_documents_of_one_name_lie_side_by_side(product: Product) -> None:
    for title in ("One", "Another"):
        evidence.add_document(
            stations.changing(product) if title == "One" else stations.coming(product), group="design",
            upload=factories.pdf(title, name="Same.PDF"), title=title, by=stations.engineer(product),
        )  # fmt: skip
    documents = list(Document.objects.filter(filename="Same.PDF").select_related("file"))
    paths = [each.path for each in files.plan(documents)]
    assert len({path.casefold() for path in paths}) == len(documents) == 2


def test_a_damaged_file_is_named_and_the_rest_is_copied(product: Product, media: Path, tmp_path: Path) -> None:
    document = Document.objects.latest("pk")
    path = media / document.file.path
    path.chmod(0o600)
    path.write_bytes(b"x" * document.file.size)
    made = make(tmp_path / "copy")
    folder = of(tmp_path / "copy", product)
    assert made.damaged == 1
    for page in (tmp_path / "copy/index.html", folder / "index.html"):
        assert document.title in page.read_text()
        assert "note bad" in page.read_text()
    there = {path.name for path in (folder / "documents").iterdir()}
    assert len(there) == Document.objects.count() - 1
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "copy", check=True)
    assert checking.bad().get().stored == document.file
    assert "damaged or missing" in alarms.sounding()[0]


def test_an_interrupted_run_leaves_nothing_that_looks_whole_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stations.proposed("First"), stations.proposed("Second")
    real = pages.product

    def torn(d: Any, *rest: Any, **more: Any) -> str:
        if d.product == second:
            raise OSError("No space left on device")
        return real(d, *rest, **more)

    monkeypatch.setattr(pages, "product", torn)
    with pytest.raises(OSError, match="No space"):
        make(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    part = tmp_path / "copy.part"
    assert sorted(path.name for path in part.iterdir()) == [of(part, first).name, f"{of(part, second).name}.part"]
    begun = (of(part, first) / "index.html").stat().st_mtime_ns
    monkeypatch.undo()
    second.name = "Second, renamed"
    Product.objects.filter(pk=second.pk).update(name=second.name)
    make(tmp_path / "copy")
    assert not part.exists()
    assert (of(tmp_path / "copy", first) / "index.html").stat().st_mtime_ns == begun
    folders = sorted(path.name for path in (tmp_path / "copy").iterdir() if path.is_dir())
    assert folders == [of(part, first).name, of(part, second).name]


def test_what_changed_since_a_run_broke_off_is_copied_anew(tmp_path: Path) -> None:
    product = stations.proposed("First")
    assert copying.make(tmp_path / "copy", Product.objects.all(), seconds=1000)
    (tmp_path / "copy").rename(tmp_path / "copy.part")
    Product.objects.filter(pk=product.pk).update(summary="Another summary")
    make(tmp_path / "copy")
    assert "Another summary" in (of(tmp_path / "copy", product) / "index.html").read_text()


def test_it_asks_as_much_for_many_rows_as_for_one(tmp_path: Path) -> None:
    product = stations.in_use()
    asked = []
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            make(tmp_path / f"copy{number}")
        asked.append(len([each for each in queries.captured_queries if "SAVEPOINT" not in each["sql"]]))
        for item in range(5):
            stations.placed(product, f"9{number}{item}")
    assert asked[1] <= asked[0] + 2


def test_every_list_of_a_dossier_is_in_the_copy() -> None:
    d = current(stations.proposed())
    lists = {each.name for each in fields(Dossier) if isinstance(getattr(d, each.name), list)}
    assert {name.removeprefix("evidence_") for name in tables.of(d)} >= lists
    shown = {name for _title, _key, names in pages._sections() for name in names} | pages.ELSEWHERE | {"answers"}
    assert shown == set(tables.of(d))


# --- the zip


def test_a_zip_holds_the_folder_byte_for_byte(product: Product, tmp_path: Path) -> None:
    make(tmp_path / "copy")
    with ZipFile(BytesIO(b"".join(zipped(tmp_path / "copy", "femfem")))) as archive:
        assert archive.testzip() is None
        names = {
            f"femfem/{p.relative_to(tmp_path / 'copy').as_posix()}"
            for p in (tmp_path / "copy").rglob("*")
            if p.is_file()
        }
        assert set(archive.namelist()) == names
        for name in names:
            assert archive.read(name) == (tmp_path / "copy" / name.removeprefix("femfem/")).read_bytes()


# --- the command


def test_the_command_copies_one_product_or_all(tmp_path: Path) -> None:
    first, second = stations.proposed("First"), stations.proposed("Second")
    out = StringIO()
    call_command("exit_copy", tmp_path / "one", "--product", first.number, stdout=out)
    assert "1 products" in out.getvalue()
    assert of(tmp_path / "one", first).is_dir()
    assert not of(tmp_path / "one", second).exists()
    with pytest.raises(CommandError, match="there already"):
        call_command("exit_copy", tmp_path / "one")
    with pytest.raises(CommandError, match="no product IH-9"):
        call_command("exit_copy", tmp_path / "two", "--product", "IH-9")
    assert not (tmp_path / "two").exists()


# --- ordered, made, taken, deleted


@pytest.fixture
def keeper(registrar: User) -> User:
    Assignment.objects.filter(user=registrar).update(administration=None)
    return User.objects.get(pk=registrar.pk)


def test_a_copy_that_was_ordered_is_made_and_taken_and_deleted(keeper: User, product: Product, root: Path) -> None:
    copy = exitcopy.order(by=keeper)
    assert (copy.state, copy.total) == ("waiting", 1)
    with pytest.raises(ValidationError, match="already being made"):
        exitcopy.order(by=keeper)
    assert exitcopy.work(copy.pk) is False
    copy.refresh_from_db()
    assert (copy.state, copy.done, copy.trouble) == ("ready", 1, "")
    assert copy.size == sum(
        path.stat().st_size
        for path in exitcopy.folder(copy).rglob("*")
        if path.is_file() and path.name not in ("SHA256SUMS", "copy.json")
    )
    assert exitcopy.take(copy, by=keeper) == exitcopy.folder(copy)
    assert ExitCopy.history.filter(taken_by_id=keeper.pk).exists()  # type: ignore[attr-defined]
    assert exitcopy.kept() == copy.size


def test_a_round_ends_in_time_and_the_next_goes_on(keeper: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        stations.proposed(f"Number {number}")
    monkeypatch.setattr(copying, "BATCH", 1)
    copy = exitcopy.order(by=keeper)
    seen = []
    while exitcopy.work(copy.pk, seconds=0):
        copy.refresh_from_db()
        seen.append((copy.state, copy.done, copy.leased_until))
        assert len(seen) < 5
    assert seen[0] == ("running", 1, None)
    copy.refresh_from_db()
    assert (copy.state, copy.done) == ("ready", 3)


def test_nobody_goes_on_with_what_someone_else_is_at(keeper: User, product: Product) -> None:
    copy = exitcopy.order(by=keeper)
    ExitCopy.objects.update(leased_until=clock.now() + timedelta(minutes=1))
    assert exitcopy.work(copy.pk) is False
    copy.refresh_from_db()
    assert copy.state == "waiting"
    with pytest.raises(ValidationError, match="being made just now"):
        exitcopy.delete(copy, by=keeper)
    with clock.at(clock.now() + timedelta(hours=2)):
        exitcopy.work(copy.pk)
    copy.refresh_from_db()
    assert copy.state == "ready"


def test_one_that_failed_says_why_and_can_be_tried_again(keeper: User, product: Product, root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    root.write_text("in the way")
    copy = exitcopy.order(by=keeper)
    assert exitcopy.work(copy.pk) is False
    copy.refresh_from_db()
    assert copy.state == "failed"
    assert "copies" in copy.trouble
    assert alarms.sounding() == [f"The exit copy of this year failed: {copy.trouble}"]
    root.unlink()
    exitcopy.again(copy, by=keeper)
    exitcopy.work(copy.pk)
    copy.refresh_from_db()
    assert (copy.state, alarms.sounding()) == ("ready", [])


def test_deleting_removes_the_files_and_keeps_the_record(
    keeper: User, product: Product, django_capture_on_commit_callbacks: Any
) -> None:
    copy = exitcopy.order(by=keeper)
    exitcopy.work(copy.pk)
    copy.refresh_from_db()
    folder = exitcopy.folder(copy)
    assert folder.is_dir()
    with django_capture_on_commit_callbacks(execute=True):
        exitcopy.delete(copy, by=keeper)
    copy.refresh_from_db()
    assert (copy.state, copy.deleted_by, folder.exists()) == ("deleted", keeper, False)
    folder.mkdir()
    exitcopy.clear()
    assert not folder.exists()
    with pytest.raises(ValidationError, match="not ready"):
        exitcopy.take(copy, by=keeper)


# --- disposed of


def test_with_the_records_of_a_product_go_the_copies_that_hold_them_and_no_others(
    keeper: User, root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    gone, other = stations.expired("Gone"), stations.proposed("Other")
    with stations.on_day(stations.floor(gone)):
        failed = exitcopy.order(gone, by=keeper)
        ExitCopy.objects.update(ended_at=clock.now(), trouble="no room")
        copies = [exitcopy.order(each, by=keeper) for each in (None, gone, other)]
        for copy in copies:
            exitcopy.work(copy.pk)
        assert len(list(root.iterdir())) == 3
        made = stations.confirmed_disposal(gone)
        with django_capture_on_commit_callbacks(execute=True):
            stations.carry_out(made)
    states = {copy.pk: copy.state for copy in ExitCopy.objects.all()}
    assert [states.pop(copy.pk) for copy in (*copies, failed)] == ["deleted", "deleted", "ready", "deleted"]
    assert list(states.values()) == ["waiting"]
    assert [path.name for path in root.iterdir()] == [exitcopy.folder(copies[2]).name]
    anew = ExitCopy.objects.waiting().get()
    assert (anew.product, anew.ordered_by) == (None, None)
    exitcopy.work(anew.pk)
    for path in exitcopy.folder(anew).rglob("*"):
        assert not path.is_file() or b"Pulled with ten newton" not in path.read_bytes(), path


def test_where_there_was_no_copy_of_everything_a_disposal_orders_none(product: Product, registrar: User) -> None:
    exitcopy.forget(product, by=registrar)
    assert not ExitCopy.objects.exists()


def test_a_copy_under_way_when_records_are_disposed_of_leaves_nothing_on_disk(
    keeper: User, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = stations.expired("Gone")
    with stations.on_day(stations.floor(gone)):
        made = stations.confirmed_disposal(gone)
        copy = exitcopy.order(by=keeper)
        real = copying._copy

        def meanwhile(target: Path, d: Dossier) -> None:
            """What was read before the disposal is written after it."""
            stations.carry_out(made)
            real(target, d)

        monkeypatch.setattr(copying, "_copy", meanwhile)
        exitcopy.work(copy.pk)
    copy.refresh_from_db()
    assert copy.state == "deleted"
    assert list(root.iterdir()) == []


# --- each year, and by whom


def test_each_year_has_one_by_itself(product: Product) -> None:
    with stations.on_day("2027-01-02"):
        copy = exitcopy.yearly()
        assert copy is not None
        assert copy.ordered_by is None
        assert exitcopy.yearly() is None
        exitcopy.work(copy.pk)
        assert exitcopy.yearly() is None
    with stations.on_day("2027-12-31"):
        assert exitcopy.yearly() is None
    with stations.on_day("2028-01-01"):
        ExitCopy.objects.update(trouble="no room", ended_at=clock.now())
        assert exitcopy.yearly() is not None


def test_one_of_this_year_that_failed_is_tried_again_the_next_day(product: Product) -> None:
    copy = exitcopy.yearly()
    assert copy is not None
    ExitCopy.objects.update(trouble="no room", ended_at=clock.now())
    assert exitcopy.yearly() == copy
    copy.refresh_from_db()
    assert copy.state == "waiting"


def test_an_empty_register_has_nothing_to_copy(db: None) -> None:
    assert exitcopy.yearly() is None


def test_only_those_who_may_have_a_copy(
    product: Product, engineer: User, nurse: User, registrar: User, outsider: User
) -> None:
    for person in (engineer, nurse, registrar, outsider):
        with pytest.raises(PermissionDenied):
            exitcopy.order(by=person)
    for person in (nurse, outsider):
        with pytest.raises(PermissionDenied):
            exitcopy.order(product, by=person)
    assert ExitCopy.objects.count() == 0
    copy = exitcopy.order(product, by=engineer)
    exitcopy.work(copy.pk)
    copy.refresh_from_db()
    with pytest.raises(PermissionDenied):
        exitcopy.take(copy, by=outsider)
    assert exitcopy.take(copy, by=engineer).is_dir()
