"""What no log tells: the secret in the address of someone's calendar."""

from __future__ import annotations

import logging
import re

SECRET = re.compile(r"(/calendar/)[^/\s\"'?]+(?=\.ics)")


def discreet(text: str) -> str:
    """The same text without it."""
    return SECRET.sub(r"\1…", text)


class Discreet(logging.Filter):
    """For a handler: whatever it writes is told without it."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if (told := discreet(said)) != said:
            record.msg, record.args = told, None
        return True
