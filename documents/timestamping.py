"""When a file existed, certified by a time-stamping authority (RFC 3161), kept beside the file.

What an authority answers is believed only when it is about our hash, answers our question, is signed by whom we trust
for this, and its time is now. Otherwise there is no time: the file waits, and is asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from asn1crypto import algos, cms, core, tsp
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from documents.keystore import Unsealable, authorities
from documents.models import SignedFile, Timestamp, TimestampRequest
from organisation import clock

LARGEST = 64 * 1024  # bytes of an answer
TOLERANCE = timedelta(minutes=5)  # between their clock and ours
LATE = timedelta(hours=24)
GRANTED = {"granted", "granted_with_mods"}


class Untimed(Exception):
    """There is no timestamp, and why, in words."""


class Unreached(Untimed):
    """The authority does not answer: it would not for another file either."""


@dataclass(frozen=True)
class Stamp:
    """What a token says. `at` is there only when it holds; `fault` says why it does not."""

    at: datetime | None
    authority: str
    fault: str = ""


class Response(core.Sequence):  # type: ignore[misc]
    """An answer as RFC 3161 has it: a refusal comes without a token, which asn1crypto's own type does not know."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


# --- one token


def timestamp(digest: bytes) -> bytes:
    """A token (DER) over a SHA-256 hash from the authority of the settings, checked. Raises Untimed, in words."""
    if not settings.TSA_URL:
        raise Untimed(_("No time-stamping authority is set."))
    nonce = secrets.randbits(64)
    question = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": digest,
            },
            "nonce": nonce,
            "cert_req": True,
        }
    )
    token = _token(asyncio.run(_asked(question.dump())), nonce)
    stamp = check_timestamp(token, digest)
    if stamp.at is None:
        raise Untimed(stamp.fault)
    if abs(stamp.at - timezone.now()) > TOLERANCE:  # the real clock: theirs knows nothing of one that is set
        raise Untimed(_("The time of the authority, %(time)s, is not now.") % {"time": stamp.at.isoformat()})
    return token


async def _asked(question: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    limit = aiohttp.ClientTimeout(total=settings.TSA_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(settings.TSA_URL, data=question, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise Unreached(_("The authority answered with status %(status)s.") % {"status": answer.status})
            said = bytearray()
            async for part in answer.content.iter_any():
                said += part
                if len(said) > LARGEST:
                    raise Untimed(_("The answer of the authority is no timestamp."))
            return bytes(said)
    except TimeoutError as trouble:
        raise Unreached(
            _("The authority did not answer within %(seconds)s seconds.") % {"seconds": settings.TSA_TIMEOUT}
        ) from trouble
    except (aiohttp.ClientError, OSError, ValueError) as trouble:
        raise Unreached(_("The authority cannot be reached: %(trouble)s") % {"trouble": trouble}) from trouble


def _token(answer: bytes, nonce: int) -> bytes:
    """The token in an answer to our question."""
    try:
        response = Response.load(answer, strict=True)
        status = response["status"]["status"].native
        if status not in GRANTED:
            said = "; ".join(response["status"]["status_string"].native or [])
            raise Untimed(_("The authority refused: %(status)s") % {"status": f"{status} {said}".strip()[:200]})
        token = response["time_stamp_token"]
        if _info(token)["nonce"].native != nonce:
            raise Untimed(_("The authority answered another question than ours."))
        der: bytes = token.dump()
        return der
    except Untimed:
        raise
    except Exception as trouble:  # whatever a parser makes of rubbish
        raise Untimed(_("The answer of the authority is no timestamp.")) from trouble


def _info(token: cms.ContentInfo) -> tsp.TSTInfo:
    info = token["content"]["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise ValueError("no TSTInfo")
    return info


def check_timestamp(token: bytes, digest: bytes) -> Stamp:
    """Whether a token holds for a SHA-256 hash, today or in fifteen years. Never raises."""
    try:
        trust = authorities(Path(settings.TSA_TRUST)) if settings.TSA_TRUST else []
    except Unsealable as trouble:
        return Stamp(None, "", str(trouble))
    try:
        content = cms.ContentInfo.load(token, strict=True)
        info = _info(content)
        imprint = info["message_imprint"]
        at = info["gen_time"].native
        if (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native) != ("sha256", digest):
            return Stamp(None, "", _("The timestamp is of another file."))
        # judged at its own moment: the certificate may expire later, and the time it certified stays certified
        context = ValidationContext(trust_roots=trust, moment=at, allow_fetching=False, revocation_mode="soft-fail")
        found = asyncio.run(validate_tst_signed_data(content["content"], context, lambda _algorithm: digest))
    except Exception:  # whatever a parser makes of rubbish
        return Stamp(None, "", _("The timestamp cannot be read."))
    authority = str(
        found["signing_cert"].subject.native.get("common_name") or found["signing_cert"].subject.human_friendly
    )
    if not (found["intact"] and found["valid"]):
        return Stamp(None, authority, _("The timestamp was altered."))
    if found.get("trust_problem_indic") is not None or found.get("validation_path") is None:
        return Stamp(
            None, authority,
            _("The timestamp is not from an authority that is trusted here, or its certificate was not valid then."),
        )  # fmt: skip
    return Stamp(at.astimezone(UTC), authority[:200])


# --- for the files that are signed


def ask(file: SignedFile) -> None:
    """From now on a timestamp is wanted for this file. Call it in the transaction that stores the file."""
    TimestampRequest.objects.create(file=file, asked_at=clock.now())


def state(file: SignedFile) -> str:
    """ "stamped", "pending" while an authority is set and has not answered well, else "none"."""
    if Timestamp.objects.filter(file=file).exists():
        return "stamped"
    return "pending" if settings.TSA_URL and TimestampRequest.objects.filter(file=file).exists() else "none"


def fetch(limit: int = 50) -> int:
    """Ask for what is waited for, those not tried for longest first; says how many came. A second run does no harm.

    When the authority cannot be reached the rest waits for the next run.
    """
    came = 0
    if not settings.TSA_URL:
        return came
    for request in TimestampRequest.objects.waiting().order_by(F("tried_at").asc(nulls_first=True), "pk")[:limit]:
        try:
            came += _fetch(request)
        except Unreached:
            break
        except Untimed:
            continue
    return came


def _fetch(request: TimestampRequest) -> bool:
    file = SignedFile.objects.get(pk=request.file_id)
    digest = hashlib.sha256(bytes(file.content))
    try:
        if digest.hexdigest() != file.sha256:
            raise Untimed(_("The stored file is not what was signed."))
        token = timestamp(digest.digest())
    except Untimed as trouble:
        _note(request, error=str(trouble))
        raise
    stamp = check_timestamp(token, digest.digest())
    assert stamp.at
    with transaction.atomic():
        _note(request, error="")
        _row, new = Timestamp.objects.get_or_create(
            file=file,
            defaults={"token": token, "stamped_at": stamp.at, "authority": stamp.authority, "fetched_at": clock.now()},
        )
    return new


def _note(request: TimestampRequest, *, error: str) -> None:
    TimestampRequest.objects.filter(pk=request.pk).update(
        attempts=F("attempts") + 1, tried_at=clock.now(), last_error=error[:500]
    )


def overdue() -> list[TimestampRequest]:
    """What has been waited for too long, oldest first."""
    if not settings.TSA_URL:
        return []
    waiting = TimestampRequest.objects.waiting().filter(asked_at__lte=clock.now() - LATE)
    return list(waiting.select_related("file").defer("file__content").order_by("asked_at", "pk"))


def alarms() -> list[str]:
    """For those who operate the register: that timestamps do not come."""
    if not (late := overdue()):
        return []
    return [
        ngettext(
            "%(count)s signed file has waited for its timestamp for more than a day: %(file)s. Last trouble: %(trouble)s",
            "%(count)s signed files have waited for their timestamps for more than a day, the first of them %(file)s. Last trouble: %(trouble)s",
            len(late),
        )
        % {"count": len(late), "file": late[0].file, "trouble": late[0].last_error or "–"}
    ]
