"""The browser run itself: a page of ours opens in a real Chromium, and Chromium has nothing to say against it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_sign_in_page_opens_and_the_browser_has_no_complaint(live_server: Any, chromium: Browser) -> None:
    complaints: list[str] = []
    page = chromium.new_page(locale="sv-SE")
    page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    answer = page.goto(f"{live_server.url}/sign-in/")
    assert answer is not None
    assert answer.ok
    assert page.locator("form[method=post]").count() >= 1
    assert [complaint for complaint in complaints if not complaint.endswith("/favicon.ico")] == []
    page.close()
