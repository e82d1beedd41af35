"""Going through the guided assessment, page by page, with the mouse or with the keyboard alone."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.hands import Person

MOST = 60  # pages; a way that goes in circles ends here
TABS = 150  # presses; whatever is not reached by then is not reached by keyboard


class Walk:
    """Someone on the way. `given` says by page (its address after the product) what is entered there.

    A page without an entry is gone on from as it stands.
    """

    def __init__(self, person: Person, given: dict[str, dict[str, Any]], *, keyboard: bool = False) -> None:
        self.person, self.given, self.keyboard = person, given, keyboard
        self.pages: list[str] = []

    @property
    def here(self) -> str:
        """The address after the product: `assessment/need`, `assessment/question/outside_use.o1`."""
        found = re.search(r"/products/(?:\d+|new)/(.*?)/?$", self.person.page.url.split("?")[0])
        return found[1] if found else ""

    def to_the_summary(self) -> list[str]:
        """Go on until the summary; says the pages that were seen."""
        while self.here != "assessment":
            assert len(self.pages) < MOST, self.pages
            self.pages.append(self.here)
            self.person.clean()
            self.one()
        return self.pages

    def one(self) -> None:
        """Enter what is given for this page and go on. A list of devices leads to a new one first, once."""
        here = self.here
        if here == "market/devices" and self.pages.count(here) == 1 and "market/devices/new" in self.given:
            self.press('main a[href$="/devices/new/"]')
            return
        for name, value in self.given.get(here, {}).items():
            for each in value if isinstance(value, list) else [value]:
                self.enter(name, each)
        self.press('main form button[data-color="accent"]:not([data-variant]):not([tabindex="-1"])')
        if self.here == here:
            errors = self.person.page.locator("main .errors, main [role=alert]")
            raise AssertionError((here, errors.all_inner_texts()))

    def enter(self, name: str, value: str) -> None:
        field = self.person.page.locator(f'main [name="{name}"]').first
        kind = field.get_attribute("type")
        if not self.keyboard:
            self.person.fill(**{name.replace("-", "__"): [value] if kind == "checkbox" else value})
        elif kind in ("radio", "checkbox"):
            self._choose(name, value, kind)
        else:
            self._tab(f'[name="{name}"]')
            self.person.page.keyboard.press("Control+a")
            self.person.page.keyboard.type(value)

    def press(self, what: str) -> None:
        page = self.person.page
        if self.keyboard:
            self._tab(what)
        with page.expect_navigation():
            if self.keyboard:
                page.keyboard.press("Enter")
            else:
                page.locator(what).first.click()

    def _tab(self, what: str) -> None:
        """Press Tab until the focus is there."""
        page = self.person.page
        for _press in range(TABS):
            if page.evaluate("what => document.activeElement.matches(what)", what):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by keyboard on {page.url}")

    def _choose(self, name: str, value: str, kind: str) -> None:
        page = self.person.page
        if kind == "checkbox":
            self._tab(f'[name="{name}"][value="{value}"]')
            if not page.evaluate("document.activeElement.checked"):
                page.keyboard.press("Space")
            return
        self._tab(f'[name="{name}"]')
        page.keyboard.press("Space")
        for _press in range(20):
            if page.evaluate("document.activeElement.value") == value:
                return
            page.keyboard.press("ArrowDown")
        raise AssertionError(f"{value} of {name} is not reached by keyboard on {page.url}")
