"""The institution's identity server, started for a test, and a browser that signs in there."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from tests.identity_server import PASSWORD

SCRIPT = Path(__file__).with_name("identity_server.py")
PATIENCE = 60  # seconds
HOSPITAL = "http://testserver"
ANSWERS = ("/sign-in/single/answer/", "/prove/single/answer/")


@contextmanager
def running(log: Path, *, hospital: str = HOSPITAL) -> Iterator[str]:
    """A server in a process of its own, which lets people return to the hospital; yields its issuer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(SCRIPT), str(port), *(hospital + answer for answer in ANSWERS)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    issuer = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(issuer):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield issuer
    finally:
        process.terminate()
        process.wait(20)


def _answers(issuer: str) -> bool:
    try:
        return requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).ok
    except requests.RequestException:
        return False


def next_second() -> None:
    """`auth_time` counts whole seconds, and so do Canaille's tokens: two of one person in one second are the same."""
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.02)


class Visitor:
    """Someone at the identity server, in a browser that keeps its cookies.

    Canaille asks for the password again without end when `max_age` is 0; it takes `prompt=login` alone.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = requests.Session()
        self.asked_for_password = 0

    def go(self, address: str) -> str:
        """Follow the address, signing in when asked to, until sent back to the hospital: says where, as a path."""
        next_second()
        address = without(address, "max_age")
        answer = self.session.get(address, allow_redirects=False, timeout=20)
        for _page in range(12):
            if answer.is_redirect:
                where = answer.headers["Location"]
                if where.startswith(HOSPITAL):
                    return where.removeprefix(HOSPITAL)
                answer = self.session.get(urljoin(answer.url, where), allow_redirects=False, timeout=20)
            else:
                answer = self._fill_in(answer)
        raise AssertionError(f"never sent back: {answer.url} {answer.text[:2000]}")

    def _fill_in(self, page: requests.Response) -> requests.Response:
        fields = re.findall(r'<input[^>]*name="([^"]+)"[^>]*', page.text)
        sent = {name: unescape(value) for name, value in re.findall(r'name="(csrf_token)" value="([^"]*)"', page.text)}
        if "login" in fields:
            sent["login"] = self.name
        if "password" in fields:
            self.asked_for_password += 1
            sent["password"] = PASSWORD
        assert len(sent) > 1, page.text
        return self.session.post(page.url, data=sent, allow_redirects=False, timeout=20)


def without(address: str, *names: str) -> str:
    """The address as someone edits it who would rather not sign in again."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in names]
    return parts._replace(query=urlencode(kept)).geturl()
