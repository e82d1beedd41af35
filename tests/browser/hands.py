"""Hands on the keyboard: filling in and sending what is on the page, as a person at the hospital does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from inhouse import law
from organisation.models import User
from tests import factories

AXE = Axe()
LOCALES = {"sv": "sv-SE", "nb": "nb-NO", "en": "en-GB"}
"""What a browser asks for, by the language of its owner."""


class Person:
    """Someone signed in, in a browser of their own, who reads one language. Not `searching`: axe is left out."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        user: User,
        *,
        language: str = "sv",
        width: int = 1280,
        searching: bool = True,
    ) -> None:
        self.address, self.language, self.searching = address, language, searching
        self.context = browser.new_context(viewport={"width": width, "height": 900}, locale=LOCALES[language])
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.go("/sign-in/")
        self.page.fill("#id_username", user.email)
        self.page.fill("#id_password", factories.PASSWORD)
        self.page.locator("main form button[data-color=accent]").click()
        expect(self.page.locator(".who")).to_contain_text(user.name)
        if language != user.language:
            self.page.locator(f'.languages button[value="{language}"]').click()
        self._reads()

    def _note(self, text: str) -> None:
        if "status of 4" not in text:  # a refusal is an answer, not a fault
            self.complaints.append(text)

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        self._reads()
        return self.page

    def _reads(self) -> None:
        """The page says that it is in this person's language."""
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)

    def fill(self, **fields: Any) -> None:
        """Write into fields by name (`__` for `-`): text, a choice by its value, one tick (`True`) or several."""
        for key, value in fields.items():
            name = key.replace("__", "-")
            field = self.page.locator(f'main [name="{name}"]')
            if not field.count():
                raise AssertionError(
                    f"{name} is not on {self.page.url}:\n{self.page.locator('main').inner_text()[:1500]}"
                )
            kind = field.first.get_attribute("type")
            if value is True:
                field.check()
            elif kind in ("radio", "checkbox"):
                for each in value if isinstance(value, list) else [value]:
                    self.page.locator(f'main [name="{name}"][value="{each}"]').check()
            elif field.first.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def send(self, button: str = "", **fields: Any) -> None:
        """Fill in and press the button: the one that says so, else the first of the form."""
        self.fill(**fields)
        name = next(iter(fields), "").replace("__", "-")
        form = self.page.locator(f'main form:has([name="{name}"])' if name else "main form")
        buttons = form.locator("button[data-color=accent]:not([data-variant]):visible")
        if button:
            buttons = form.get_by_role("button", name=button)
        elif not buttons.count():
            buttons = form.locator("button[data-color=accent], button[data-color=danger]")
        buttons.first.click()
        self.page.wait_for_load_state()

    def says(self, words: str) -> None:
        expect(self.page.locator("main")).to_contain_text(words)

    def refused(self, words: str) -> None:
        """The form that was sent came back and says why."""
        expect(self.page.locator("main .errors")).to_contain_text(words)

    def demands(self, requirement: str) -> None:
        """The page names a requirement of the law or of the house: where it is written, and what it says."""
        row = law.requirements()[requirement]
        named = self.page.locator(f'main .src[title*="{row.title}"]').first
        expect(named).to_contain_text(row.source)

    def clean(self) -> None:
        """Nothing was complained about on the way, and axe finds nothing on the page, in light and in dark."""
        assert self.complaints == [], self.complaints
        self._reads()
        if not self.searching:
            return
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = AXE.run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
            told = [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
            assert told == [], (self.page.url, scheme, told)
        self.page.emulate_media(color_scheme="light")


@contextmanager
def signed_in(browser: Browser, address: str, user: User, **given: Any) -> Iterator[Person]:
    person = Person(browser, address, user, **given)
    yield person
    person.context.close()
