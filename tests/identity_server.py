"""The institution's identity server for the tests: Canaille, from PyPI, in a process of its own.

usage: tests/identity_server.py PORT REDIRECT_URI …

It knows two people (user names and passwords below) and one client. Each keeps its session until its cookie goes, says
`auth_time`, and obeys `prompt=login` and `max_age`, as an identity server does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

CLIENT, SECRET = "femfem", "between the two servers"
PEOPLE = {"nina": "Falk", "eva": "Ek"}
PASSWORD = "an own password at the directory"


def config(port: int, keys: list[dict[str, Any]], folder: str) -> dict[str, Any]:
    return {
        "SECRET_KEY": "for the tests",
        "SERVER_NAME": f"localhost:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CACHE_TYPE": "SimpleCache",
        "SESSION_COOKIE_NAME": "directory_session",  # cookies know no ports, and Femfem may be another one of this host
        "CANAILLE_SQL": {
            "DATABASE_URI": f"sqlite:///{folder}/directory.sqlite",
            "PASSWORD_HASH_PARAMS": {"pbkdf2_sha512__rounds": 1000},  # quick
        },
        "CANAILLE": {"DATABASE": "sql", "JAVASCRIPT": False, "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}}},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": keys},
    }


def main(port: int, answers: list[str], folder: str) -> None:
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback has no TLS
    os.chdir(folder)  # it looks for a configuration where it stands
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import RSAKey
    from werkzeug.serving import run_simple

    key = RSAKey.generate_key(2048, auto_kid=True)
    app = create_app(config=config(port, [key.as_dict(private=True)], folder), env_file=None, init_backend=True)
    with app.app_context():
        for name, family in PEOPLE.items():
            person = models.User(
                user_name=name,
                family_name=family,
                formatted_name=f"{name.title()} {family}",
                emails=[f"{name}@directory.example"],
                password=PASSWORD,
            )
            Backend.instance.save(person)
        client = models.Client(
            client_id=CLIENT,
            client_secret=SECRET,
            client_name="Femfem",
            client_uri="http://127.0.0.1",  # such a client is trusted: nobody is asked for consent
            redirect_uris=answers,
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile", "email"],
            token_endpoint_auth_method="client_secret_post",
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    run_simple("localhost", port, app, threaded=True)


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]
    with tempfile.TemporaryDirectory(prefix="directory-") as folder:
        main(int(sys.argv[1]), sys.argv[2:], folder)
