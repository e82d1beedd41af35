"""Sending one mail and hearing what the server says. Django's backend forgets the answer, so SMTP is spoken here.

Three endings: the server's answer; `NotSent` (it surely was not taken); `Unknown` (it may have been: the answer was lost).
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address


class NotSent(Exception):
    """The server did not take it. `final`: it will not, so it makes no sense to try again. `gone`: it is not there."""

    def __init__(self, reason: str, *, final: bool = False, gone: bool = False) -> None:
        super().__init__(reason)
        self.final, self.gone = final, gone


class Unknown(Exception):
    """The message was handed over and the answer did not come: it may have been taken."""


class Post:
    """A connection to the mail server for as many messages as there are; anew after each trouble."""

    def __init__(self) -> None:
        self.backend: Any = get_connection()

    def __enter__(self) -> Post:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._hang_up()

    def send(self, message: EmailMultiAlternatives) -> str:
        """The server's answer to the message, one line; without SMTP, that there is none. Raises NotSent or Unknown."""
        if not isinstance(self.backend, EmailBackend):
            self.backend.send_messages([message])
            return f"no mail server: {type(self.backend).__module__.rpartition('.')[2]}"
        content = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
        kept = self.backend.connection is not None
        try:
            self._address(message)
        except NotSent as trouble:
            if not (kept and trouble.gone):
                raise
            self._address(message)  # the server found that the connection had lasted long enough
        try:
            smtp: Any = self.backend.connection
            code, answer = smtp.data(content)
        except smtplib.SMTPDataError as refused:  # answered before the content went
            self._hang_up()
            raise NotSent(_line(refused), final=_final(refused)) from refused
        except (OSError, smtplib.SMTPException) as trouble:
            self._hang_up()
            raise Unknown(_line(trouble)) from trouble
        said = f"{code} {answer.decode(errors='replace')}"[:500]
        if code != 250:
            self._hang_up()
            if 400 <= code < 600:
                raise NotSent(said, final=code >= 500)
            raise Unknown(said)  # that is no answer to a message
        return said

    def _address(self, message: EmailMultiAlternatives) -> None:
        """Everything before the content; raises NotSent. Only what is said of a recipient can be final.

        What else is refused for good (who we are, where we come from) is mended in the settings or at the server.
        """
        final = False
        try:
            self.backend.open()
            smtp = self.backend.connection
            smtp.ehlo_or_helo_if_needed()
            self._expect(smtp.mail(sanitize_address(message.from_email, "utf-8")))
            final = True
            for recipient in message.recipients():
                self._expect(smtp.rcpt(sanitize_address(recipient, "utf-8")))
        except (OSError, smtplib.SMTPException) as trouble:
            self._hang_up()
            answered = isinstance(trouble, smtplib.SMTPResponseException)
            raise NotSent(_line(trouble), final=final and _final(trouble), gone=not answered) from trouble

    def _expect(self, answer: tuple[int, bytes]) -> None:
        if answer[0] not in (250, 251):
            raise smtplib.SMTPResponseException(*answer)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.backend.close()
        if isinstance(self.backend, EmailBackend):
            self.backend.connection = None


def _line(trouble: Exception) -> str:
    if isinstance(trouble, smtplib.SMTPResponseException):
        error = trouble.smtp_error
        return f"{trouble.smtp_code} {error.decode(errors='replace') if isinstance(error, bytes) else error}"[:500]
    return f"{type(trouble).__name__}: {trouble}"[:500]


def _final(trouble: Exception) -> bool:
    """Below 550 it is about commands and not about the mailbox (RFC 5321)."""
    return isinstance(trouble, smtplib.SMTPResponseException) and 550 <= trouble.smtp_code < 600
