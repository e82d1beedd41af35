"""A process that dies while someone signs leaves a declaration signed and stored, or not signed; and never two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from documents.models import SignedFile
from inhouse.models import Declaration, Frozen, Signature
from organisation.models import Proof, User
from tests import stations

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SIGNS = """
import os, signal, sys
import django
django.setup()
from django.db import connection
from documents import sealing
from inhouse import declarations, lifecycle, signing
from inhouse.models import Frozen
from organisation.models import User
from tests import stations
connection.settings_dict["NAME"] = sys.argv[1]
where, declarations.render = sys.argv[2], stations.unset

def dies(after):
    def act(*args, **kwargs):
        after(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return act

sealing.seal = dies(stations.unsealed) if where == "sealed" else stations.unsealed
if where == "stored":
    signing._stored = dies(signing._stored)
if where == "moved":
    lifecycle.move = dies(lifecycle.move)
signing.sign(Frozen.objects.get(), by=User.objects.get(pk=sys.argv[3]))
"""


@pytest.mark.parametrize("where", ["sealed", "stored", "moved"])
def test_killed_before_it_is_stored_nothing_is_signed_and_it_can_be_signed_again(owner: User, where: str) -> None:
    product = stations.documented()
    frozen = stations.freeze(product)
    proof = stations.prove(owner, frozen.sha256)
    died = subprocess.run(
        [sys.executable, "-c", SIGNS, connection.settings_dict["NAME"], where, str(owner.pk)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=Path(settings.ROOT),
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    proof.refresh_from_db()
    assert proof.used_at is None
    assert not Declaration.objects.exists()
    assert not SignedFile.objects.exists()
    assert Signature.objects.get().signed_at is None
    assert Frozen.objects.get().sha256 == frozen.sha256
    with stations.quick():
        assert stations.set_seal(frozen, by=owner)
    assert (Declaration.objects.count(), SignedFile.objects.count(), Proof.objects.filter(used_at=None).count()) == (
        1,
        1,
        1,
    )
