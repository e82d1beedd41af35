"""A request by another name than ours."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db


def test_a_wrong_host_name_is_refused_in_words(client: Client) -> None:
    with override_settings(ALLOWED_HOSTS=["femfem.example"]):
        answer = client.get("/sign-in/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "was not understood" in answer.content.decode()
