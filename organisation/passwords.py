"""How passwords are kept in the demo. Everywhere else Django's own Argon2 keeps them."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class PrintedBesideTheAccounts(Argon2PasswordHasher):
    """Argon2 with the least that OWASP advises: the demo signs with one printed password, 25 times in one go."""

    memory_cost = 19 * 1024
    parallelism = 1
