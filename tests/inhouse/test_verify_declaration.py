"""The program that checks a declaration without us: it lets no bit be changed, knows nothing but its one file, and says what it cannot tell."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.test import override_settings
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

import documents.sealing
from documents import merkle, notes
from inhouse import register
from inhouse.offline import verify_declaration as offline
from tests import sealing
from tests.documents.test_rendering import SNAPSHOT
from tests.inhouse.test_declaration_papers import papers

FLIPS, EDITS = 5000, 200
NUMBER = "IH-2026-0042-D1"
SIGNER = notes.Signer("femfem.example/femfem", base64.b64encode(b"\x05" * 32).decode())
KEY = str(SIGNER.key)


@cache
def once() -> bytes:
    """A declaration as the register really makes it."""
    return papers("not fully met", "sv")[1]


@cache
def twice() -> bytes:
    return sealed_by(once(), "Ola Berg")


@cache
def through_another() -> bytes:
    """Another authority stands between the institution's certificate and the root that is trusted."""
    with TemporaryDirectory() as folder:
        keystore, trust = Path(folder, "key.p12"), Path(folder, "root.pem")
        packed, root = sealing.chain(passphrase="secret")
        keystore.write_bytes(packed)
        trust.write_bytes(root)
        with override_settings(SEAL_KEYSTORE=str(keystore), SEAL_PASSPHRASE="secret", SEAL_TRUST=str(trust)):
            return sealed_by(papers("not fully met", "sv")[0], "Karin Öberg")


def sealed_by(pdf: bytes, signer: str) -> bytes:
    return documents.sealing.seal(pdf, signer=signer, title="Head of unit", reason=NUMBER, place="Västanstad")


FILES: dict[str, Callable[[], bytes]] = {
    "one seal": once,
    "two seals": twice,
    "an authority between": through_another,
}
SEALED = {
    "one seal": [("Demonstration institution, seal", SNAPSHOT["signed"]["name"])],
    "two seals": [
        ("Demonstration institution, seal", SNAPSHOT["signed"]["name"]),
        ("Demonstration institution, seal", "Ola Berg"),
    ],
    "an authority between": [("Region Västanland", "Karin Öberg")],
}


def proof_of(
    pdf: bytes,
    *,
    signer: notes.Signer = SIGNER,
    what: tuple[str, ...] = ("published",),
    translations: dict[str, str] | None = None,
) -> str:
    """As the register would write it, among entries of others."""
    sha256 = hashlib.sha256(pdf).hexdigest()
    about: dict[str, Any] = {
        "translations": translations,
        "number": NUMBER,
        "sha256": sha256,
        "organisation_number": "232100-0000",
        "on": "2026-05-04",
    }
    others = [f'{{"n":{n}}}' for n in range(5)]
    mine = [register.entry(kind, **about) for kind in what]
    leaves = [*others[:3], *mine, *others[3:]]
    hashes = [merkle.leaf_hash(leaf.encode()) for leaf in leaves]
    checkpoint = notes.Checkpoint("femfem.example/femfem", len(leaves), merkle.root(hashes))
    entries = [
        {"index": index, "data": leaves[index], "proof": [each.hex() for each in merkle.inclusion(hashes, index)]}
        for index in range(3, 3 + len(mine))
    ]
    said: dict[str, Any] = {"format": register.FORMAT, "declaration": NUMBER, "sha256": sha256, "entries": entries}
    said |= {"translations": translations or {}}
    return json.dumps(
        said
        | {"checkpoint": signer.sign(str(checkpoint)), "key": str(signer.key), "address": "https://femfem.example/x/"}
    )


def undetected(altered: Iterator[tuple[str, bytes]], *proof: str) -> list[str]:
    """Which of these the program takes for intact."""
    passed = []
    for name, pdf in altered:
        try:
            offline.verify(pdf, *proof)
            passed.append(name)
        except offline.Altered:
            pass
    return passed


# --- what holds


@pytest.mark.parametrize("file", FILES)
def test_a_sealed_declaration_is_intact_by_itself_and_with_its_proof(file: str) -> None:
    pdf = FILES[file]()
    alone, proved = offline.verify(pdf), offline.verify(pdf, proof_of(pdf), KEY)
    assert alone.seals == proved.seals
    assert len(alone.seals) == len(SEALED[file])
    for seal, (subject, signer) in zip(alone.seals, SEALED[file], strict=True):
        assert subject in seal.subject.replace("\\", "")
        assert seal.signer.startswith(f"{signer}, ")
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (UTC|[+-]\d\d:\d\d)", seal.signed_at) for seal in alone.seals
    )
    assert alone.seals[-1].covers == len(pdf)
    assert proved.proved
    assert (proved.proved.declaration, proved.proved.size) == (NUMBER, 6)


@pytest.mark.parametrize(("kind", "pss"), [("ec", False), ("rsa", False), ("rsa", True)])
def test_keys_and_signatures_of_each_kind_are_known(kind: str, pss: bool) -> None:
    assert len(offline.verify(sealing.seal(sealing.plain(), name=f"{kind} {pss}", kind=kind, pss=pss)).seals) == 1


def test_a_declaration_without_a_seal_is_vouched_for_by_the_register_alone() -> None:
    pdf = sealing.plain()
    with pytest.raises(offline.NoSeal):
        offline.verify(pdf)
    assert "carries no seal" in " ".join(offline.verify(pdf, proof_of(pdf)).lines)


# --- what was altered


def flips(pdf: bytes, seed: str) -> Iterator[tuple[str, bytes]]:
    for bit in random.Random(seed).sample(range(len(pdf) * 8), FLIPS):
        altered = bytearray(pdf)
        altered[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(altered)


def flips_within(pdf: bytes, seed: str) -> Iterator[tuple[str, bytes]]:
    """A bit of what the digits of the last seal say is turned."""
    match = list(offline.BYTE_RANGE.finditer(pdf))[-1]
    start, end = int(match[2]) + 1, int(match[3]) - 1
    said = bytes.fromhex(pdf[start:end].decode()).rstrip(b"\0")
    for bit in random.Random(seed).sample(range(len(said) * 8), min(FLIPS, len(said) * 8)):
        altered = bytearray(said)
        altered[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} of the seal", at(pdf, start, altered.hex().upper().encode())


def edits(pdf: bytes, seed: str) -> Iterator[tuple[str, bytes]]:
    """Whatever is done to a file as a whole. An edit that changes nothing is drawn again."""
    rng = random.Random(seed)
    made = 0
    while made < EDITS:
        edit = list(EDIT.values())[made % len(EDIT)]
        altered = edit(pdf, rng)
        if altered not in (pdf, once()):  # the file as it was before the second seal is not an altered one
            made += 1
            yield f"{edit.__name__} {made}", altered


def gap(pdf: bytes, rng: random.Random) -> tuple[int, int]:
    """Where the digits of a seal stand."""
    match = rng.choice(list(offline.BYTE_RANGE.finditer(pdf)))
    return int(match[2]) + 1, int(match[3]) - 1


def at(pdf: bytes, place: int, new: bytes) -> bytes:
    """Written over what stands there."""
    return pdf[:place] + new + pdf[place + len(new) :]


def truncated(pdf: bytes, rng: random.Random) -> bytes:
    return pdf[: rng.randrange(len(pdf))]


def appended(pdf: bytes, rng: random.Random) -> bytes:
    return pdf + rng.choice([b"\n", b" ", b"\0", b"%%EOF\n", rng.randbytes(rng.randrange(1, 400))])


def prefixed(pdf: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(1, 30)) + pdf


def updated(pdf: bytes, rng: random.Random) -> bytes:
    """An increment that is not sealed, as any PDF editor writes it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer.root["/Lang"] = pdf_string(f"x-{rng.randrange(10**6)}")
    writer.update_root()  # type: ignore[no-untyped-call]
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def second_end(pdf: bytes, rng: random.Random) -> bytes:
    """An increment by hand, with a startxref and %%EOF of its own."""
    old = re.findall(rb"startxref\s+(\d+)", pdf)[-1]
    return pdf + b"9999 0 obj\n<< /S %d >>\nendobj\ntrailer\n<< /Prev %s >>\nstartxref\n%s\n%%%%EOF\n" % (
        rng.randrange(10**6), old, old
    )  # fmt: skip


def byte_range(pdf: bytes, rng: random.Random) -> bytes:
    """Other figures in a ByteRange: exchanged, or so that it covers more or less."""
    match = rng.choice(list(offline.BYTE_RANGE.finditer(pdf)))
    figures = [int(figure) for figure in match.groups()]
    if rng.random() < 0.5:
        rng.shuffle(figures)
    else:
        figures[rng.randrange(4)] += rng.choice([-1000, -2, -1, 1, 2, 1000])
    text = f"/ByteRange [{' '.join(map(str, figures))}]".encode()
    return at(pdf, match.start(), text.ljust(match.end() - match.start()))


def moved_xref(pdf: bytes, rng: random.Random) -> bytes:
    match = rng.choice(list(re.finditer(rb"startxref\s+(\d+)", pdf)))
    return at(pdf, match.start(1), b"%0*d" % (len(match[1]), rng.randrange(10 ** (len(match[1]) - 1))))


def hidden_behind(pdf: bytes, rng: random.Random) -> bytes:
    """Something in the zeros that fill the place of the seal up."""
    start, end = gap(pdf, rng)
    zeros = len(pdf[start:end]) - len(pdf[start:end].rstrip(b"0"))
    place = end - rng.randrange(1, zeros)
    return at(pdf, place, rng.choice([b"1", b"F", b"a", b" ", b"\n", b"<", b">"]))


def small_digits(pdf: bytes, rng: random.Random) -> bytes:
    """Digits of the seal in small letters: another byte, the same value."""
    start, end = gap(pdf, rng)
    letters = [place for place in range(start, end) if pdf[place : place + 1].isalpha()]
    for place in rng.sample(letters, rng.choice([1, 2, len(letters)])):
        pdf = at(pdf, place, pdf[place : place + 1].lower())
    return pdf


def spaced(pdf: bytes, rng: random.Random) -> bytes:
    """White space among the digits, in place of zeros at the end or in addition."""
    start, end = gap(pdf, rng)
    place, space = rng.randrange(start, end - 2), rng.choice([b" ", b"\n", b"\r\n", b"\t"])
    shorter = rng.choice([0, len(space)])
    return pdf[:place] + space + pdf[place : end - shorter] + pdf[end:]


def attachment(pdf: bytes, rng: random.Random) -> bytes:
    """Another content of an attached or printed part."""
    match = rng.choice(list(re.finditer(rb"stream\r?\n(.{40,}?)endstream", pdf, re.DOTALL)))
    return at(pdf, match.start(1) + rng.randrange(30), rng.randbytes(8))


def cut_out(pdf: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(pdf) - 1)
    return pdf[:start] + pdf[start + rng.randrange(1, 500) :]


def doubled(pdf: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(pdf) - 1)
    end = start + rng.randrange(1, 500)
    return pdf[:end] + pdf[start:end] + pdf[end:]


def exchanged(pdf: bytes, rng: random.Random) -> bytes:
    one, two = sorted(rng.sample(range(0, len(pdf) - 64, 64), 2))
    return pdf[:one] + pdf[two : two + 64] + pdf[one + 64 : two] + pdf[one : one + 64] + pdf[two + 64 :]


def seal_of_another(pdf: bytes, rng: random.Random) -> bytes:
    """The seal of another declaration, put in this one's place."""
    start, end = gap(pdf, rng)
    other = sealing.seal(sealing.plain(f"IH-2026-{rng.randrange(1000):04d}-D1"))
    their_start, their_end = gap(other, rng)
    return at(pdf, start, other[their_start:their_end][: end - start].ljust(end - start, b"0"))


def no_seal(pdf: bytes, rng: random.Random) -> bytes:
    start, end = gap(pdf, rng)
    return rng.choice([at(pdf, start, b"0" * (end - start)), pdf.replace(b"/ByteRange", b"/ByteRangf")])


def resized(pdf: bytes, rng: random.Random) -> bytes:
    """More or fewer zeros behind the seal, with a ByteRange that fits."""
    start, end = gap(pdf, rng)
    change = rng.choice([-4, -2, 2, 64])
    digits = pdf[start:end][:change] if change < 0 else pdf[start:end] + b"0" * change
    altered = pdf[:start] + digits + pdf[end:]
    match = next(each for each in offline.BYTE_RANGE.finditer(altered) if int(each[2]) == start - 1)
    text = f"/ByteRange [0 {start - 1} {end + 1 + change} {match[4].decode()}]".encode()
    return at(altered, match.start(), text.ljust(match.end() - match.start()))


EDIT = {
    each.__name__: each
    for each in (
        truncated, appended, prefixed, updated, second_end, byte_range, moved_xref, hidden_behind, small_digits, spaced,
        attachment, cut_out, doubled, exchanged, seal_of_another, no_seal, resized,
    )
}  # fmt: skip


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", [flips, flips_within, edits])
def test_nothing_that_is_done_to_a_file_is_missed_with_the_proof(
    file: str, how: Callable[..., Iterator[tuple[str, bytes]]]
) -> None:
    pdf = FILES[file]()
    assert undetected(how(pdf, file), proof_of(pdf), KEY) == []


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", [flips, flips_within, edits])
def test_nothing_that_is_done_to_a_file_is_missed_from_the_pdf_alone(
    file: str, how: Callable[..., Iterator[tuple[str, bytes]]]
) -> None:
    assert undetected(how(FILES[file](), file)) == []


def test_what_was_written_before_the_second_seal_and_under_none_is_exposed() -> None:
    between = updated(sealing.once(), random.Random(1))
    with pytest.raises(offline.Altered, match="between two seals"):
        offline.verify(sealing.seal(between, name="Ola Berg", kind="rsa", field="Seal2"))


def test_a_text_that_someone_else_sealed_in_the_same_name_is_exposed_by_the_proof() -> None:
    genuine = sealing.once()
    forged = sealing.seal(sealing.plain("IH-2026-0042-D2").replace(b"D2", b"D1"))
    assert offline.verify(forged).seals[0].subject == offline.verify(genuine).seals[0].subject
    with pytest.raises(offline.Altered, match="byte for byte"):
        offline.verify(forged, proof_of(genuine))


def test_a_file_whose_last_seal_was_taken_off_is_exposed_by_the_proof() -> None:
    offline.verify(sealing.once())
    with pytest.raises(offline.Altered, match="byte for byte"):
        offline.verify(sealing.once(), proof_of(sealing.twice()))


# --- what the register signed


def test_a_proof_with_another_key_than_the_one_given_proves_nothing() -> None:
    pdf = sealing.once()
    thief = notes.Signer("femfem.example/femfem", base64.b64encode(b"\x06" * 32).decode())
    offline.verify(pdf, proof_of(pdf, signer=thief))
    with pytest.raises(offline.Altered, match="another key"):
        offline.verify(pdf, proof_of(pdf, signer=thief), KEY)


def test_a_proof_of_which_any_part_was_changed_proves_nothing() -> None:
    pdf = sealing.once()
    good = json.loads(proof_of(pdf, what=("published", "withdrawn")))
    offline.verify(pdf, json.dumps(good), KEY)

    def other(**changes: object) -> str:
        return json.dumps(good | changes)

    entry, ended = good["entries"]
    bad = {
        "another file": other(sha256="0" * 64),
        "another number": other(declaration="IH-2026-0042-D2"),
        "another entry": other(entries=[entry | {"index": 4}]),
        "another day": other(entries=[entry | {"data": entry["data"].replace("2026", "2027")}]),
        "a shorter way": other(entries=[entry | {"proof": entry["proof"][:-1]}]),
        "a longer way": other(entries=[entry | {"proof": [*entry["proof"], entry["proof"][0]]}]),
        "no entry": other(entries=[]),
        "withdrawn only": other(entries=[ended]),
        "the same twice": other(entries=[entry, entry]),
        "a larger register": other(checkpoint=good["checkpoint"].replace("\n7\n", "\n8\n")),
        "in another's name": other(key=str(notes.Key("other.example", SIGNER.key.public))),
        "unsigned": other(checkpoint=good["checkpoint"].partition("—")[0]),
    }
    for name, proof in bad.items():
        with pytest.raises(offline.Altered):
            offline.verify(pdf, proof)
            pytest.fail(name)


@pytest.mark.parametrize("proof", ["", "[]", "{}", "null", "{", '{"format": "other/1"}', '{"entries": 1}'])
def test_what_is_no_proof_is_said_to_be_none(proof: str) -> None:
    with pytest.raises(offline.Unreadable):
        offline.verify(sealing.once(), proof)


@pytest.mark.parametrize("noise", range(40))
def test_rubbish_is_altered_and_never_a_crash(noise: int) -> None:
    rng = random.Random(noise)
    body = rng.randbytes(600)
    digits = rng.randbytes(200).hex().upper().encode()
    head = b"%PDF-1.7\n/Contents "
    pdf = head + b"<" + digits + b">" + body
    text = b"/ByteRange [0 %d %d %06d]" % (len(head), len(head) + len(digits) + 2, 600 + 45)
    with pytest.raises(offline.Altered):
        offline.verify(pdf + text.ljust(45))


# --- as a program


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """On a machine that has Python and `cryptography`, and no network: nothing of this project is on its path."""
    program = folder / "verify_declaration.py"
    program.write_bytes(Path(offline.__file__).read_bytes())
    blocked = "import runpy, socket, sys; socket.socket = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", blocked, str(program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_it_says_in_plain_words_what_holds_and_what_it_cannot_tell(tmp_path: Path) -> None:
    pdf = sealing.once()
    (tmp_path / f"{NUMBER}.pdf").write_bytes(pdf)
    code, alone = run(tmp_path, f"{NUMBER}.pdf")
    assert (code, alone.splitlines()[0]) == (0, f"{NUMBER}.pdf: INTACT (checked from the PDF alone)")
    assert "Whoever has a certificate can seal another text in the same name" in alone
    (tmp_path / f"{NUMBER}.proof.json").write_text(proof_of(pdf, what=("published", "withdrawn")), encoding="utf-8")
    code, proved = run(tmp_path, f"{NUMBER}.pdf", "--key", KEY)
    assert (code, proved.splitlines()[0]) == (0, f"{NUMBER}.pdf: INTACT")
    assert "Entry 4 of femfem.example/femfem: withdrawn on 2026-05-04." in proved
    assert "Whether the declaration is in force today" in proved
    assert "https://femfem.example/x/" in proved
    assert "Compare it with the one published" not in proved
    assert f"Compare it with the one published there: {KEY}" in run(tmp_path, f"{NUMBER}.pdf")[1]


def test_it_ends_with_1_for_an_altered_file_and_with_2_for_what_it_cannot_check(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(sealing.once() + b"\n")
    (tmp_path / "b.pdf").write_bytes(sealing.once())
    (tmp_path / "b.proof.json").write_text("{}")
    code, said = run(tmp_path, "a.pdf")
    assert (code, "ALTERED, OR NOT GENUINE" in said, "after it was sealed" in said) == (1, True, True)
    for arguments in (["b.pdf"], ["none.pdf"], ["a.pdf", "none.json"]):
        code, said = run(tmp_path, *arguments)
        assert (code, "NOT CHECKED" in said) == (2, True)


def test_names_in_a_file_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    name = "Region\x1b]0;\x07\u202e Väst"
    (tmp_path / "a.pdf").write_bytes(sealing.seal(sealing.plain(), name=name))
    code, said = run(tmp_path, "a.pdf")
    assert code == 0
    assert not set(said) & {"\x1b", "\x07", "\u202e"}


def test_it_needs_nothing_but_python_and_cryptography() -> None:
    tree = ast.parse(Path(offline.__file__).read_text(encoding="utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - sys.stdlib_module_names == {"cryptography"}


def test_a_translation_is_proved_by_the_entry_of_its_declaration_and_by_no_other() -> None:
    signed, worded = sealing.once(), sealing.twice()
    proof = proof_of(signed, translations={"nb": hashlib.sha256(worded).hexdigest()})
    assert "the translation (nb) of declaration IH-2026-0042-D1" in offline.verify(worded, proof).lines[0]
    assert "byte for byte, declaration" in offline.verify(signed, proof).lines[0]
    claimed = json.loads(proof_of(signed)) | {"translations": {"nb": hashlib.sha256(worded).hexdigest()}}
    with pytest.raises(offline.Altered, match="about another file"):
        offline.verify(worded, json.dumps(claimed))
