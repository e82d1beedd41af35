"""docker-compose.yml and the Dockerfile: read, and every command line they name run here, outside a container."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import debian
import psycopg
import pytest
import yaml
from gunicorn.config import Config
from gunicorn.glogging import Logger
from prepare import ROOT
from production import throw_away

from config import gunicorn as web

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["migrate", "web", "worker", "beat"]
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (word, rest), comments gone and continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def command(service: str) -> list[str]:
    """What the service runs: its own command, or the image's."""
    found: list[str] = SERVICES[service].get("command") or json.loads(last("CMD"))
    return found


def health(service: str) -> list[str]:
    """The health check, as the container runs it."""
    kind, *words = SERVICES[service]["healthcheck"]["test"]
    words = [word.replace("$$", "$") for word in words]
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


# Read


def test_everything_that_stays_up_has_a_health_check_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert "healthcheck" in service, name
            assert service["restart"] == "unless-stopped", name


def test_nothing_waits_for_what_is_not_there_and_every_volume_is_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"], name


def test_the_services_get_every_variable_that_production_asks_for() -> None:
    image = {pair.split("=")[0] for word, rest in instructions() if word == "ENV" for pair in rest.split()}
    for name in OURS:
        assert set(throw_away()) <= set(SERVICES[name]["environment"]) | image, name


def test_every_secret_is_demanded_by_name_and_explained_in_the_example() -> None:
    demanded = {name for name, kind, _ in VARIABLE.findall((ROOT / "docker-compose.yml").read_text()) if kind == "?"}
    example = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert demanded == set(example)
    assert {"SECRET_KEY", "PATIENT_KEYS", "PATIENT_INDEX_KEY", "POSTGRES_PASSWORD"} <= demanded


def test_only_the_web_server_is_reached_from_outside_and_only_by_this_machine() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def test_the_image_runs_as_a_user_without_rights() -> None:
    words = [word for word, _ in instructions()]
    assert last("USER") not in ("root", "0")
    assert words.index("USER") > max(n for n, word in enumerate(words) if word in ("RUN", "COPY"))


def test_the_image_is_built_from_one_base_with_our_versions_and_debian_packages() -> None:
    assert len({rest.split()[0] for word, rest in instructions() if word == "FROM"}) == 1
    text = (ROOT / "Dockerfile").read_text()
    version = re.search(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    assert f"uv=={version[1]}" in text
    assert debian.NEEDS["pdf"].packages in re.sub(r"\\\n\s*", "", text)


def test_the_programs_that_save_the_database_are_of_the_servers_version() -> None:
    """The image takes PostgreSQL's programs from its Debian, and pg_dump refuses a server that is newer than itself."""
    of_debian = {"bookworm": "15", "trixie": "17"}
    base = last("FROM").split()[0]
    major, debian_release = re.fullmatch(r"postgres:(\d+)-(\w+)", SERVICES["postgres"]["image"]).groups()  # type: ignore[union-attr]
    assert base.endswith(debian_release)
    assert major == of_debian[debian_release]
    assert " postgresql-client " in re.sub(r"\\\n\s*", "", last("RUN")) + " "


def test_what_the_image_copies_is_there_and_let_in() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps | {"config", "templates", "static", "locale", "scripts", "manage.py"} <= set(let_in)
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _target = rest.split()
            assert all(source == "." or (source in let_in and (ROOT / source).exists()) for source in sources), rest


def test_the_static_files_are_collected_with_the_design_and_the_fonts(tmp_path: Path) -> None:
    environment = {"FEMFEM_ENV": "demo", "FEMFEM_VAR": str(tmp_path / "var"), "STATIC_ROOT": str(tmp_path / "static")}
    subprocess.run([sys.executable, "scripts/prepare.py"], cwd=ROOT, env=os.environ | environment, check=True)
    names = set(json.loads((tmp_path / "static" / "staticfiles.json").read_text())["paths"])
    assert {"vendor/designsystemet/index.css", "vendor/designsystemet/theme.css", "vendor/inter/index.css"} <= names


# Run


def test_production_does_not_start_without_its_key_to_seal(tmp_path: Path) -> None:
    whole = os.environ | throw_away() | {"FEMFEM_VAR": str(tmp_path)}
    unnamed = {name: value for name, value in whole.items() if name != "SEAL_KEYSTORE"}
    absent = whole | {"SEAL_KEYSTORE": str(tmp_path / "absent.p12")}
    for environment, said in ((unnamed, "SEAL_KEYSTORE"), (absent, "cannot be read")):
        command = [sys.executable, "manage.py", "check", "--tag", "security"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert said in done.stderr


@pytest.mark.parametrize("name", ["FEMFEM_CLOCK", "FEMFEM_MINUTE"])
def test_production_lives_by_the_real_clock(name: str, tmp_path: Path) -> None:
    environment = os.environ | throw_away() | {"FEMFEM_VAR": str(tmp_path), name: "1"}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "tests" in done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment the compose file gives, with secrets, and a database of its own made by its migrate command."""
    var = tmp_path_factory.mktemp("var")
    server, name = os.environ["DATABASE_URL"], f"deployment_{secrets.token_hex(4)}"
    given = throw_away() | {"POSTGRES_PASSWORD": "unused"}
    compose = {
        key: VARIABLE.sub(lambda found: given.get(found[1], found[3] or ""), value)
        for key, value in SERVICES["web"]["environment"].items()
    }
    here = {
        "PATH": os.environ["PATH"],
        "HOSTNAME": socket.gethostname(),
        "DATABASE_URL": f"{server.rpartition('/')[0]}/{name}",
        "REDIS_URL": os.environ["REDIS_URL"],
        "FEMFEM_VAR": str(var),
        "MEDIA_ROOT": str(var / "media"),
        "SEAL_KEYSTORE": given["SEAL_KEYSTORE"],
        "SEAL_TRUST": given["SEAL_TRUST"],
        "TSA_TRUST": "",
        "STATIC_ROOT": str(var / "static"),
        "BIND": f"127.0.0.1:{free_port()}",
        "WEB_WORKERS": "1",
    }
    built = {"FEMFEM_ENV": "demo", "FEMFEM_VAR": str(var / "build"), "STATIC_ROOT": here["STATIC_ROOT"]}
    subprocess.run([sys.executable, "scripts/prepare.py"], cwd=ROOT, env=os.environ | built, check=True)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            environment = compose | here
            subprocess.run(command("migrate"), cwd=ROOT, env=environment, check=True)
            yield environment
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running(service: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service's command line, until the end of the block; then it must end by itself when asked to."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(service), cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
        assert process.poll() is None, f"{shlex.join(command(service))} ended:\n{log.read_text()}"
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def becomes_healthy(service: str, environment: dict[str, str], within: float = 40) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if subprocess.run(health(service), cwd=ROOT, env=environment, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.3)
    return False


@pytest.mark.postgres
@pytest.mark.worker
@pytest.mark.parametrize("service", ["web", "worker", "beat"])
def test_each_service_starts_answers_its_health_check_and_ends(
    service: str, production: dict[str, str], tmp_path: Path
) -> None:
    unwell = subprocess.run(health(service), cwd=ROOT, env=production, capture_output=True, check=False)
    assert unwell.returncode != 0
    log = tmp_path / "log"
    with running(service, production, log):
        assert becomes_healthy(service, production), log.read_text()


@pytest.mark.postgres
@pytest.mark.worker
def test_the_web_server_sends_people_to_https_and_refuses_other_names(
    production: dict[str, str], tmp_path: Path
) -> None:
    with running("web", production, tmp_path / "log"):
        assert becomes_healthy("web", production)
        answers = [ask(production["BIND"], host) for host in ("femfem.example", "elsewhere.example")]
    assert answers[0].startswith("HTTP/1.1 301")
    assert "Location: https://femfem.example/sign-in/" in answers[0]
    assert answers[1].startswith("HTTP/1.1 400")


def ask(bind: str, host: str) -> str:
    """The raw answer to one plain request."""
    name, _, port = bind.partition(":")
    with socket.create_connection((name, int(port)), 10) as connection:
        connection.sendall(f"GET /sign-in/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_the_log_of_requests_does_not_tell_what_was_searched_for() -> None:
    config = Config()
    config.set("access_log_format", web.access_log_format)
    asked = "/search/?q=19900602-2397"
    came_from = [("REFERER", f"https://femfem.example{asked}"), ("USER-AGENT", "Browser")]
    answer = SimpleNamespace(status="200 OK", sent=10, headers=[])
    environ = {
        "RAW_URI": asked, "PATH_INFO": "/search/", "QUERY_STRING": "q=19900602-2397", "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_REFERER": came_from[0][1], "HTTP_USER_AGENT": "Browser",
    }  # fmt: skip
    logger = Logger(config)
    atoms = logger.atoms(answer, SimpleNamespace(headers=came_from), environ, timedelta(seconds=1))
    line = web.access_log_format % logger.atoms_wrapper_class(atoms)
    assert '"GET /search/ HTTP/1.1" 200' in line
    assert "2397" not in line
