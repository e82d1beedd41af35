"""Notes are signed and read as other logs do it, and nothing that was touched is taken for signed."""

from __future__ import annotations

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from documents import merkle, notes

# The example of Go's golang.org/x/mod/sumdb/note
SEED = base64.b64encode(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]).decode()
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

SIGNER = notes.Signer("log.example/femfem", base64.b64encode(b"\x05" * 32).decode())
CHECKPOINT = notes.Checkpoint("log.example/femfem", 17, merkle.leaf_hash(b"x"))


def test_the_example_of_another_log_comes_out_byte_for_byte() -> None:
    signer = notes.Signer("PeterNeumann", SEED)
    assert str(signer.key) == KEY
    assert signer.sign(TEXT) == NOTE
    assert notes.opened(NOTE, notes.Key.read(KEY)) == TEXT


def test_a_checkpoint_says_whose_how_large_and_which_root() -> None:
    note = SIGNER.sign(str(CHECKPOINT))
    assert note.split("\n")[:4] == ["log.example/femfem", "17", base64.b64encode(CHECKPOINT.root).decode(), ""]
    assert notes.checkpoint(note, SIGNER.key) == CHECKPOINT


def test_a_witness_may_sign_below() -> None:
    witness = notes.Signer("witness.example", base64.b64encode(b"\x06" * 32).decode())
    text = str(CHECKPOINT)
    both = SIGNER.sign(text) + witness.sign(text).removeprefix(f"{text}\n")
    assert notes.checkpoint(both, SIGNER.key) == notes.checkpoint(both, witness.key) == CHECKPOINT


@given(st.data())
def test_a_note_that_was_touched_is_not_signed(data: st.DataObject) -> None:
    note = SIGNER.sign(str(CHECKPOINT))
    at = data.draw(st.integers(0, len(note) - 1))
    sign = data.draw(st.characters(codec="utf-8").filter(lambda other: other != note[at]))
    for touched in (note[:at] + sign + note[at + 1 :], note[:at] + note[at + 1 :], note[:at] + sign + note[at:]):
        if touched != note:
            with pytest.raises(notes.Unsigned):
                notes.opened(touched, SIGNER.key)


def test_the_same_name_with_another_key_has_not_signed() -> None:
    other = notes.Signer(SIGNER.key.name, base64.b64encode(b"\x07" * 32).decode())
    with pytest.raises(notes.Unsigned):
        notes.opened(SIGNER.sign("Words\n"), other.key)


@pytest.mark.parametrize(
    "text", ["", "one line\n", "log.example/femfem\n017\n{}\n", "log.example/femfem\n-1\n{}\n", "o\n1\nAAAA\n"]
)
def test_what_is_signed_but_no_checkpoint_is_refused(text: str) -> None:
    root = base64.b64encode(CHECKPOINT.root).decode()
    with pytest.raises(notes.Unsigned):
        notes.checkpoint(SIGNER.sign(text.format(root)), SIGNER.key)


@pytest.mark.parametrize(
    "key", ["", "a", KEY + "A", KEY.replace("c74f20a3", "c74f20a4"), KEY[:-4], "a+b+c", KEY + "\n"]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        notes.Key.read(key)


@pytest.mark.parametrize(
    ("name", "seed"), [("two words", SEED), ("a+b", SEED), ("", SEED), ("ok", ""), ("ok", "c2hvcnQ="), ("ok", "ö")]
)
def test_a_key_that_cannot_be_used_is_refused_without_repeating_it(name: str, seed: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        notes.Signer(name, seed)
    assert not seed or seed not in str(refusal.value)
