"""What a browser is shown of a file: pixels of our own making, or nothing."""

from __future__ import annotations

import io
import time

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from documents import preview, storing
from documents.models import StoredFile
from organisation.models import User
from tests import factories, uploads

pytestmark = pytest.mark.django_db


def stored(by: User, content: bytes, name: str) -> StoredFile:
    return storing.keep(ContentFile(content, name=name), by=by)


def drawn(by: User, content: bytes, name: str, number: int = 1) -> Image.Image:
    return Image.open(io.BytesIO(preview.page(stored(by, content, name), number)), formats=["PNG"])


def test_a_page_of_a_pdf_is_drawn_with_what_stands_on_it(engineer: User) -> None:
    picture = drawn(engineer, factories.pdf("Some words").read(), "a.pdf")
    assert max(picture.size) == preview.LONGEST
    assert picture.convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (uploads.image("PNG"), "a.png"),
        (uploads.image("PNG", mode="RGBA"), "a.png"),
        (uploads.image("PNG", mode="P"), "a.png"),
        (uploads.image("PNG", mode="I;16"), "a.png"),
        (uploads.image("JPEG", mode="CMYK"), "a.jpg"),
        (uploads.image("TIFF", mode="1"), "a.tif"),
        (uploads.image("PNG", size=(4000, 3000)), "a.png"),
    ],
)
def test_an_image_is_drawn_anew(engineer: User, content: bytes, name: str) -> None:
    picture = drawn(engineer, content, name)
    assert max(picture.size) <= preview.LONGEST
    assert picture.mode in ("L", "RGB")


def test_each_picture_of_a_scan_has_its_page(engineer: User) -> None:
    scan = stored(engineer, uploads.image("TIFF", frames=2), "a.tif")
    assert preview.page(scan, 2).startswith(b"\x89PNG")
    with pytest.raises(preview.Unseen):
        preview.page(scan, 3)


def test_where_a_photograph_was_taken_is_not_handed_on(engineer: User) -> None:
    held, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "Patient in room 4"
    Image.new("RGB", (40, 30)).save(held, "JPEG", exif=exif, comment=b"Patient in room 4")
    assert b"Patient" in held.getvalue()
    assert b"Patient" not in preview.page(stored(engineer, held.getvalue(), "a.jpg"), 1)


@pytest.mark.parametrize("number", [0, 2, preview.PAGES, preview.PAGES + 1])
def test_there_is_no_picture_of_a_page_that_is_not_there(engineer: User, number: int) -> None:
    with pytest.raises(preview.Unseen):
        preview.page(stored(engineer, factories.pdf().read(), "a.pdf"), number)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.7\nnothing\n%%EOF\n", "a.pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a.png"),
        (uploads.pdf_of(1, claimed=10_000), "a.pdf"),
        (uploads.docx("Words"), "a.docx"),
    ],
)
def test_what_cannot_be_drawn_is_said_to_be_unseen(engineer: User, content: bytes, name: str) -> None:
    with pytest.raises(preview.Unseen):
        preview.page(stored(engineer, content, name), 1)


def test_an_image_of_more_pixels_than_any_camera_has_is_not_unfolded(engineer: User) -> None:
    content = uploads.image("PNG", size=(20_000, 20_000), mode="1")
    assert len(content) < 1 << 20
    begun = time.monotonic()
    with pytest.raises(preview.Unseen):
        preview.page(stored(engineer, content, "a.png"), 1)
    assert time.monotonic() - begun < 10


def test_a_page_as_large_as_a_house_is_drawn_as_large_as_any_other(engineer: User) -> None:
    huge = uploads.pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 14400 14400] >>",
    )
    assert max(drawn(engineer, huge, "a.pdf").size) == preview.LONGEST


def test_of_a_pdf_with_a_script_only_pixels_are_left(engineer: User) -> None:
    content = uploads.pdf_with_script()
    seen = preview.page(stored(engineer, content, "a.pdf"), 1)
    assert seen.startswith(b"\x89PNG")
    assert not any(word in seen for word in (b"JavaScript", b"alert", b"Launch", b"%PDF"))


def test_a_damaged_file_is_not_drawn(engineer: User) -> None:
    file = stored(engineer, factories.pdf().read(), "a.pdf")
    default_storage.delete(file.path)
    with pytest.raises(storing.Damaged):
        preview.page(file, 1)
