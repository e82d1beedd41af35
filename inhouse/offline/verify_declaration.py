#!/usr/bin/env python3
"""Check a declaration of an in-house medical device on your own machine: without network, server or database.

    python3 verify_declaration.py IH-2026-0042-D1.pdf
    python3 verify_declaration.py IH-2026-0042-D1.pdf IH-2026-0042-D1.proof.json
    python3 verify_declaration.py IH-2026-0042-D1.pdf IH-2026-0042-D1.proof.json --key "femfem.example.org/femfem+…"

The PDF and its .proof.json come from the page of the declaration in the public register of the health institution. A
.proof.json of the same name beside the PDF is found by itself. --key is the key of the register as you noted it from
somewhere you trust; without it the key in the .proof.json is used, and you are told to compare it.

It needs Python 3.9 or later and the package `cryptography` (42 or later: pip install cryptography), nothing else.
It ends with 0 if everything that was checked holds, 1 if something was altered, 2 if it could not check.

What is checked:

1. The seals in the PDF (PAdES). Each must cover every byte of the file up to its own end, except the place where the
   seal itself is written. That place may hold the seal and zeros, nothing else. The last seal covers the whole file.
2. The proof. The register names the PDF by its SHA-256 in an entry; the entry is a leaf of a Merkle tree (RFC 6962);
   the root of the tree is in a checkpoint (C2SP tlog-checkpoint) that the register signed with its key.

This file is meant to be read. Reading it from the end, `main`, towards the beginning goes from the whole to its parts.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit("This program needs the package “cryptography”: pip install cryptography")


class Altered(Exception):
    """Something does not hold. The text says what."""


class NoSeal(Altered):
    """There is no seal in the PDF."""


class Unreadable(Exception):
    """It could not be checked. The text says why."""


# --- DER: how certificates and seals are written. Only the one strict form is read.


@dataclass(frozen=True)
class Der:
    tag: int
    content: bytes
    raw: bytes

    @property
    def parts(self) -> list[Der]:
        found, at = [], 0
        while at < len(self.content):
            part = read_der(self.content, at)
            found.append(part)
            at += len(part.raw)
        return found


SEQUENCE, SET, INTEGER, OCTETS, BITS, NULL, OID = 0x30, 0x31, 0x02, 0x04, 0x03, 0x05, 0x06
FIRST, SECOND, THIRD = 0xA0, 0xA1, 0xA2  # parts that are marked by a number, [0], [1] and [2]


def read_der(data: bytes, at: int = 0) -> Der:
    """The value that begins there."""
    broken = Altered("The seal is damaged: it is not written in DER.")
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise broken
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        start += count
        length = int.from_bytes(data[at + 2 : start], "big")
        if not 1 <= count <= 4 or length < 0x80 or length >> 8 * (count - 1) == 0:  # could be written shorter
            raise broken
    if start + length > len(data):
        raise broken
    return Der(data[at], data[start : start + length], data[at : start + length])


def parts(of: Der, *tags: int) -> list[Der]:
    """Its parts, which must be exactly these."""
    found = of.parts
    if [part.tag for part in found] != list(tags):
        raise Altered("The seal is damaged, or holds more than the register writes.")
    return found


def sequence(value: Der) -> Der:
    if value.tag != SEQUENCE:
        raise Altered("The seal is damaged: it is not written as the register writes.")
    return value


def oid(value: Der) -> str:
    """The name of an algorithm or attribute, as 1.2.840…"""
    numbers, number = [], 0
    for byte in value.content:
        if number == 0 and byte == 0x80:
            raise Altered("The seal is damaged: a name in it is not written in DER.")
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    if value.tag != OID or not numbers or value.content[-1] >= 0x80:
        raise Altered("The seal is damaged: a name in it cannot be read.")
    first = min(numbers[0] // 40, 2)
    return ".".join(str(each) for each in (first, numbers[0] - 40 * first, *numbers[1:]))


def algorithm(value: Der) -> tuple[str, bytes]:
    """Its name, and what else is said of it, undecoded (nothing and NULL are the same)."""
    name, *more = sequence(value).parts
    if len(more) > 1:
        raise Altered("The seal is damaged: an algorithm in it cannot be read.")
    said = more[0].raw if more else b""
    return oid(name), b"" if said == b"\x05\x00" else said


# --- the seal: CMS SignedData (RFC 5652) in the profile CAdES/PAdES

DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"  # which certificate sealed, by its hash (RFC 5035)
HASHES: dict[str, Any] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
RSA, RSA_PSS, MGF1 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
RSA_WITH = {"1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512"}
ECDSA_WITH = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}


@dataclass(frozen=True)
class Certificate:
    """A certificate, with what is compared of it to the byte."""

    raw: bytes
    issuer: bytes
    serial: bytes
    subject: bytes
    read: x509.Certificate

    @property
    def issues_itself(self) -> bool:
        return self.issuer == self.subject


def certificate(value: Der) -> Certificate:
    body, algorithm_, signature = parts(value, SEQUENCE, SEQUENCE, BITS)
    fields = body.parts
    if len(fields) < 7 or fields[0].tag != FIRST or fields[2].raw != algorithm_.raw or signature.content[:1] != b"\0":
        raise Altered("The seal is damaged: a certificate in it cannot be read.")
    read = x509.load_der_x509_certificate(value.raw)
    return Certificate(value.raw, fields[3].raw, fields[1].raw, fields[5].raw, read)


def check_chain(signer: Certificate, others: list[Certificate]) -> Certificate:
    """Each certificate in the seal is issued by the next, none is left over; returns the last one."""
    above, top = list(others), signer
    while above and not top.issues_itself:
        issuer = next((each for each in above if each.subject == top.issuer), None)
        if issuer is None:
            break
        _issued(top, issuer)
        above.remove(issuer)
        top = issuer
    if top.issues_itself:
        _issued(top, top)
    if above:
        raise Altered("The seal holds a certificate that has nothing to do with it.")
    return top


def _issued(lower: Certificate, upper: Certificate) -> None:
    try:
        lower.read.verify_directly_issued_by(upper.read)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as trouble:
        raise Altered("A certificate in the seal was not issued by the one that it names.") from trouble


@dataclass(frozen=True)
class Sealed:
    """Who sealed: the certificate, and the last one above it that is in the seal."""

    signer: Certificate
    top: Certificate

    @property
    def breaks_off(self) -> bool:
        """The top one is neither the sealing one, which the seal names by its hash, nor vouches for itself as a root does."""
        return self.top is not self.signer and not self.top.issues_itself


def check_cms(der: Der, content: bytes) -> Sealed:
    """The seal is a signature, by the certificate in it, over exactly this content. Raises Altered."""
    kind, wrapped = parts(sequence(der), OID, FIRST)
    (signed_data,) = parts(wrapped, SEQUENCE)
    version, digests, about, certificates, signers = parts(signed_data, INTEGER, SET, SEQUENCE, FIRST, SET)
    (signer,) = parts(signers, SEQUENCE)
    # whoever adds something that is not signed (a seventh part) adds something that cannot be checked
    signer_version, sealed_by, digest_with, attributes, sign_with, signature = parts(
        signer, INTEGER, SEQUENCE, SEQUENCE, FIRST, SEQUENCE, OCTETS
    )
    (said_before,) = parts(digests, SEQUENCE)
    (about_what,) = parts(about, OID)
    digest_name, digest_more = algorithm(digest_with)
    fixed = (oid(kind), oid(about_what), version.content, signer_version.content, digest_more, said_before.raw)
    if fixed != (SIGNED_DATA, DATA, b"\x01", b"\x01", b"", digest_with.raw) or digest_name not in HASHES:
        raise Altered("The seal is damaged, or not of a kind that the register writes.")
    digest = HASHES[digest_name]

    said: dict[str, Der] = {}
    for attribute in attributes.parts:
        name, values = parts(attribute, OID, SET)
        if len(values.parts) != 1 or oid(name) in said:
            raise Altered("The seal is damaged: it says the same thing twice.")
        said[oid(name)] = values.parts[0]
    if not {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE} <= set(said) or oid(said[CONTENT_TYPE]) != DATA:
        raise Altered("The seal is damaged: it does not say what it covers and by which certificate.")
    if said[MESSAGE_DIGEST].tag != OCTETS or said[MESSAGE_DIGEST].content != hashed(digest, content):
        raise Altered("The file was altered after it was sealed.")

    held = [certificate(each) for each in certificates.parts]
    mine = [each for each in held if each.issuer + each.serial == sealed_by.content]
    if len(mine) != 1 or not _names(said[SIGNING_CERTIFICATE], mine[0]):
        raise Altered("The certificate in the seal is not the one that sealed.")
    # what is signed are the attributes, written as a set
    check_signature(
        mine[0].read.public_key(), signature.content, bytes([SET]) + attributes.raw[1:], *algorithm(sign_with), digest
    )
    return Sealed(mine[0], check_chain(mine[0], [each for each in held if each is not mine[0]]))


def _names(attribute: Der, signer: Certificate) -> bool:
    """Whether a signing-certificate attribute names this certificate. Its hash is SHA-256 unless it says another."""
    first = attribute.parts[0].parts[:1]
    names = first[0].parts if first else []
    digest: Any = hashes.SHA256()
    if names and names[0].tag == SEQUENCE:
        digest = HASHES.get(algorithm(names.pop(0))[0], digest)
    return bool(names) and names[0].tag == OCTETS and names[0].content == hashed(digest, signer.raw)


def check_signature(key: Any, signature: bytes, signed: bytes, name: str, more: bytes, digest: Any) -> None:
    """The key made this signature. The name of the algorithm must fit the key and the digest."""
    try:
        if isinstance(key, rsa.RSAPublicKey) and name == RSA_PSS:
            key.verify(signature, signed, _pss(more, digest), digest)
        elif isinstance(key, rsa.RSAPublicKey) and (name == RSA or RSA_WITH.get(name) == digest.name) and not more:
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and ECDSA_WITH.get(name) == digest.name and not more:
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            raise Altered("The seal is damaged, or its signature is of a kind that is not known here.")
    except (InvalidSignature, ValueError) as trouble:
        raise Altered("The seal was altered: its signature is not that of the certificate.") from trouble


def _pss(more: bytes, digest: Any) -> padding.PSS:
    """RSASSA-PSS as the seal describes it, which must be with the same hash everywhere (RFC 4055)."""
    hash_with, mask_with, salt = parts(sequence(read_der(more)), FIRST, SECOND, THIRD)
    mask_name, mask_more = algorithm(parts(mask_with, SEQUENCE)[0])
    used = (algorithm(parts(hash_with, SEQUENCE)[0]), algorithm(read_der(mask_more)))
    name = next(each for each, known in HASHES.items() if known is digest)
    if mask_name != MGF1 or used != ((name, b""), (name, b"")):
        raise Altered("The seal is damaged, or its signature is of a kind that is not known here.")
    return padding.PSS(padding.MGF1(digest), int.from_bytes(parts(salt, INTEGER)[0].content, "big"))


def hashed(digest: Any, content: bytes) -> bytes:
    return hashlib.new(digest.name, content).digest()


# --- the seals in the PDF

BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
CONTENTS = re.compile(rb"/Contents\s*\Z")
GAP = re.compile(rb"<((?:[0-9A-F]{2})+)>")
TIME = re.compile(r"D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d\d'\d\d'?)?")


@dataclass(frozen=True)
class Seal:
    """A seal that holds: whose, for whom, when by the sealer's own clock, and how many bytes of the file it covers."""

    subject: str
    signer: str
    issuer: str
    fingerprint: str
    signed_at: str
    covers: int
    breaks_off: bool = False


def check_seals(pdf: bytes) -> list[Seal]:
    """Every seal in the file, in the order in which they were set. Raises Altered unless all hold and cover the whole file."""
    found = sorted(BYTE_RANGE.finditer(pdf), key=lambda match: int(match[3]) + int(match[4]))
    if not found:
        raise NoSeal("There is no seal in this file: it was never sealed, or the seal was removed or damaged.")
    if len(found) != pdf.count(b"/ByteRange"):
        raise Altered("It cannot be read which part of the file a seal covers.")
    seals, before = [], 0
    for match in found:
        seals.append(_check_seal(pdf, match, before))
        end = seals[-1].covers
        # between two seals lies one addition to the file, the one that holds the later seal
        if before and pdf.count(b"startxref", before, end) != 1:
            raise Altered("Something was added to the file between two seals.")
        before = end
    if before != len(pdf):
        raise Altered("Something was added to the file after it was sealed.")
    return seals


def _check_seal(pdf: bytes, match: re.Match[bytes], before: int) -> Seal:
    start, until, again, rest = (int(number) for number in match.groups())
    end = again + rest
    own = match.start() >= before and (match.end() <= until or match.start() >= again) and match.end() <= end
    if not (start == 0 and before < until < again <= end <= len(pdf) and own and CONTENTS.search(pdf, 0, until)):
        raise Altered("A seal leaves out more of the file than the place where it is written.")
    gap = GAP.fullmatch(pdf, until, again)
    if gap is None:
        raise Altered("Something else than the seal is written in the place of the seal.")
    written = bytes.fromhex(gap[1].decode())
    der = read_der(written)
    if written[len(der.raw) :].strip(b"\0"):
        raise Altered("Something is hidden behind the seal, where only zeros may be.")
    try:
        sealed = check_cms(der, pdf[:until] + pdf[again:end])
    except Altered:
        raise
    except Exception as trouble:  # whatever the reading of certificates trips over, it was not written by a register
        raise Altered("The seal is damaged and cannot be read.") from trouble
    signer = sealed.signer.read
    # what is written beside the seal, in the same object of the file
    beside = pdf[max(pdf.rfind(b" obj", 0, until), 0) : until] + pdf[again : max(pdf.find(b"endobj", again), again)]
    return Seal(
        subject=signer.subject.rfc4514_string(),
        signer=_stated(beside, b"Name"),
        issuer=signer.issuer.rfc4514_string(),
        fingerprint=signer.fingerprint(hashes.SHA256()).hex(),
        signed_at=_moment(_stated(beside, b"M")),
        covers=end,
        breaks_off=sealed.breaks_off,
    )


def _stated(beside: bytes, name: bytes) -> str:
    """A text of a PDF object, or nothing."""
    found = re.search(rb"/" + name + rb"\s*\(((?:\\.|[^\\()])*)\)", beside, re.DOTALL)
    if not found:
        return ""
    text = re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), found[1])
    text = re.sub(rb"\\([()\\])", rb"\1", text)
    return text[2:].decode("utf-16-be", "replace") if text.startswith(b"\xfe\xff") else text.decode("latin-1")


def _moment(stated: str) -> str:
    """A time of a PDF, as people read it."""
    time = TIME.fullmatch(stated)
    if not time:
        return "at a time that it does not say"
    year, month, day, hour, minute, second, zone = (part or "" for part in time.groups())
    zone = "UTC" if zone in ("Z", "") else zone.rstrip("'").replace("'", ":")
    return f"{year}-{month}-{day} {hour}:{minute}:{second} {zone}"


# --- the register

FORMAT = "femfem-proof/1"
WHAT = {"published": "published", "replaced": "replaced by a newer one", "withdrawn": "withdrawn"}


@dataclass(frozen=True)
class Entry:
    index: int
    what: str
    date: str


@dataclass(frozen=True)
class Proved:
    """What the register said of the declaration when it signed the checkpoint."""

    declaration: str
    entries: list[Entry]
    origin: str
    size: int
    key: str
    address: str
    language: str = ""
    """Of a translation; empty for what was signed as the leading text."""


def check_proof(pdf: bytes, proof: str, key: str = "") -> Proved:
    """The proof is about exactly this file, and the register signed for it. Raises Altered, or Unreadable for no proof."""
    try:
        said = json.loads(proof)
        number, sha256, note, its_key = (str(said[name]) for name in ("declaration", "sha256", "checkpoint", "key"))
        listed = [
            (int(each["index"]), str(each["data"]), list(map(bytes.fromhex, each["proof"]))) for each in said["entries"]
        ]
        form, address = said["format"], str(said.get("address", ""))
        translations = {str(language): str(its) for language, its in said.get("translations", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as trouble:
        raise Unreadable("The .proof.json cannot be read. Download it again.") from trouble
    if form != FORMAT:
        raise Unreadable(
            f"The .proof.json is of the form {form}, and this program knows {FORMAT}. Download the program again."
        )
    mine = hashlib.sha256(pdf).hexdigest()
    language = next((language for language, its in translations.items() if its == mine), "")
    if mine != sha256 and not language:
        raise Altered("This PDF is not, byte for byte, the file that the register published and the proof is about.")
    if key and key != its_key:
        raise Altered("The proof is signed with another key than the one you gave.")
    origin, size, root = check_checkpoint(note, its_key)
    about = (number, sha256, translations)
    entries = [_check_entry(index, data, path, size, root, about) for index, data, path in listed]
    if [entry.what for entry in entries[:1]] != ["published"] or len({entry.index for entry in entries}) != len(
        entries
    ):
        raise Altered("The proof does not show that the declaration was published.")
    return Proved(number, entries, origin, size, its_key, address, language)


def _check_entry(index: int, data: str, path: list[bytes], size: int, root: bytes, about: tuple[Any, ...]) -> Entry:
    leaf = hashlib.sha256(b"\0" + data.encode()).digest()
    if not check_inclusion(leaf, index, size, path, root):
        raise Altered(f"Entry {index} is not in the register that was signed.")
    try:
        said = json.loads(data)
        what, date = str(said["what"]), str(said["date"])
        its = (said["declaration"], said["sha256"], said.get("translations", {}))
    except (ValueError, KeyError, TypeError) as trouble:
        raise Altered(f"Entry {index} of the register cannot be read.") from trouble
    if its != about or what not in WHAT:
        raise Altered(f"Entry {index} of the register is about another file.")
    return Entry(index, what, date)


def check_inclusion(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf to the root of a tree with that many leaves (RFC 9162, 2.1.3.2)."""
    at, last, found = index, size - 1, leaf
    if not 0 <= at <= last:
        return False
    for sibling in path:
        if last == 0:
            return False
        if at % 2 or at == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        at, last = at // 2, last // 2
    return last == 0 and found == root


def check_checkpoint(note: str, key: str) -> tuple[str, int, bytes]:
    """Whose register, how many entries and which root: signed with this key. Raises Altered."""
    try:
        name, _plus, rest = key.partition("+")
        key_id, _plus, encoded = rest.partition("+")
        kind_and_key = base64.b64decode(encoded, validate=True)
        expected = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
        if kind_and_key[:1] != b"\x01" or expected.hex() != key_id:
            raise ValueError
        public = Ed25519PublicKey.from_public_bytes(kind_and_key[1:])
    except ValueError as trouble:
        raise Unreadable("The key of the register cannot be read.") from trouble
    text, _blank, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        dash, signed_by, signature = [*line.split(" "), "", ""][:3]
        try:
            signed = base64.b64decode(signature, validate=True)
            if (dash, signed_by, signed[:4]) == ("—", name, expected):
                public.verify(signed[4:], f"{text}\n".encode())
                origin, size, root = text.split("\n")[:3]
                if origin != name:
                    raise ValueError
                return origin, int(size), base64.b64decode(root, validate=True)
        except (InvalidSignature, ValueError):
            continue
    raise Altered("The checkpoint was not signed with the key of the register.")


# --- the whole


@dataclass
class Report:
    """What was found, line by line."""

    seals: list[Seal] = field(default_factory=list)
    proved: Proved | None = None
    lines: list[str] = field(default_factory=list)


def verify(pdf: bytes, proof: str | None = None, key: str = "") -> Report:
    """Everything that can be checked. Raises Altered, or Unreadable when the proof is none."""
    report = Report()
    if proof is not None:
        report.proved = proved = check_proof(pdf, proof, key)
        which = f"the translation ({proved.language}) of declaration" if proved.language else "declaration"
        report.lines.append(f"This is, byte for byte, {which} {proved.declaration} as the register published it.")
        for entry in proved.entries:
            report.lines.append(f"Entry {entry.index} of {proved.origin}: {WHAT[entry.what]} on {entry.date}.")
        report.lines.append(
            f"The register signed for {proved.size} entries in all, and the proof shows that it is among them."
        )
    try:
        report.seals = check_seals(pdf)
    except NoSeal:
        if report.proved is None:
            raise
        report.lines.append("The file carries no seal. The register alone vouches for it.")
    for number, seal in enumerate(report.seals, 1):
        whole = (
            "the whole file"
            if seal.covers == len(pdf)
            else f"the first {seal.covers} bytes; the rest was added later, under seal"
        )
        report.lines += [
            f"Seal {number} of {len(report.seals)} is intact and covers {whole}.",
            f"   by {seal.subject}",
            *([f"   for {seal.signer}, as it is written beside the seal"] if seal.signer else []),
            f"   certificate issued by {seal.issuer}",
            f"   SHA-256 of the certificate {seal.fingerprint}",
            f"   {seal.signed_at}, by the clock of whoever sealed",
        ]
    if report.proved is None and any(seal.breaks_off for seal in report.seals):
        raise Altered(
            "The certificates in the seal break off before their root, so that nothing vouches for the last of them."
            " If this file is genuine, its .proof.json from the register shows it."
        )
    return report


def cannot_tell(report: Report, key: str) -> list[str]:
    """What this program does not know, and where it can be found out."""
    proved, told = report.proved, []
    if proved is None:
        told.append(
            "Whether this is what was published. Whoever has a certificate can seal another text in the same name:"
            " download the .proof.json from the register, or compare the SHA-256 of the certificate."
        )
        told.append("Whether the declaration is in force today. Only the live register knows.")
    else:
        told.append(
            "Whether the declaration is in force today. The proof is as old as your download of it;"
            f" only the live register knows: {proved.address}"
        )
        if not key:
            told.append(
                f"Whether the key is that of the register. Compare it with the one published there: {proved.key}"
            )
    if report.seals:
        told.append("Whether the issuer of the certificate can be trusted, and whether the certificate was revoked.")
        told.append("Whether the clock of whoever sealed was right.")
    return told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a declaration without network: the PDF, and its .proof.json.")
    parser.add_argument("pdf", type=Path, help="the declaration")
    parser.add_argument(
        "proof", type=Path, nargs="?", help="its .proof.json; left out, the one of the same name beside it"
    )
    parser.add_argument("--key", default="", help="the key of the register, as you noted it from somewhere you trust")
    given = parser.parse_args(arguments)
    beside = given.pdf.with_suffix(".proof.json")
    path = given.proof or (beside if beside.exists() else None)
    name = plain(given.pdf.name)
    try:
        pdf = given.pdf.read_bytes()
        proof = path.read_text(encoding="utf-8") if path else None
        report = verify(pdf, proof, given.key)
    except Altered as found:
        print(f"{name}: ALTERED, OR NOT GENUINE")
        print(f"  {plain(str(found))}")
        print("Do not rely on this file. Get it from the public register.")
        return 1
    except (Unreadable, OSError, UnicodeDecodeError) as trouble:
        print(f"{name}: NOT CHECKED\n  {plain(str(trouble))}", file=sys.stderr)
        return 2
    print(f"{name}: INTACT" + ("" if report.proved else " (checked from the PDF alone)"))
    for line in report.lines:
        print(f"  {plain(line)}")
    print("This program cannot tell:")
    for line in cannot_tell(report, given.key):
        print(f"  - {plain(line)}")
    return 0


def plain(text: str) -> str:
    """Without signs that could do something to a terminal, or that it cannot show."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    encoding = sys.stdout.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)


if __name__ == "__main__":
    sys.exit(main())
