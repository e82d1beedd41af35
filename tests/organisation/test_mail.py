"""The mail server's answers, from a server that speaks SMTP on a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.mail import EmailMultiAlternatives
from pytest_django import Settings

from organisation.mail import NotSent, Post, Unknown
from tests.chaos.sink import Mood, Sink


@pytest.fixture
def sink(settings: Settings) -> Iterator[Sink]:
    server = Sink().start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 1
    yield server
    server.stop()


def message(to: str = "karin@hospital.example") -> EmailMultiAlternatives:
    return EmailMultiAlternatives("Subject", "Text", "Femfem <femfem@hospital.example>", [to])


def test_the_answer_of_the_server_comes_back_and_the_connection_is_kept(sink: Sink) -> None:
    with Post() as post:
        assert post.send(message()) == "250 taken"
        assert post.send(message()) == "250 taken"
    assert len(sink.taken) == 2


@pytest.mark.parametrize(
    ("mood", "final", "gone"),
    [
        (Mood.LATER, False, False),
        (Mood.NEVER, True, False),
        (Mood.CLOSED, False, False),  # the server does not want us, which is no fault of the address
        (Mood.MUTE, False, True),
        (Mood.STUCK, False, True),
    ],
)
def test_what_was_surely_not_taken_is_told_apart_by_whether_to_try_again(
    sink: Sink, mood: Mood, final: bool, gone: bool
) -> None:
    sink.mood = mood
    with Post() as post, pytest.raises(NotSent) as told:
        post.send(message())
    assert (told.value.final, told.value.gone) == (final, gone)
    assert not sink.taken


@pytest.mark.parametrize("mood", [Mood.DROP, Mood.TOOK_DROP, Mood.TOOK_MUTE, Mood.TOOK_LATE, Mood.TOOK_MUMBLE])
def test_what_may_have_been_taken_is_said_to_be_unknown(sink: Sink, mood: Mood) -> None:
    sink.mood = mood
    with Post() as post:
        with pytest.raises(Unknown):
            post.send(message())
        sink.mood = Mood.ACCEPT
        assert post.send(message()) == "250 taken"


def test_a_connection_that_the_server_has_closed_is_opened_anew(sink: Sink) -> None:
    with Post() as post:
        post.send(message())
        post.backend.connection.sock.close()
        assert post.send(message()) == "250 taken"


def test_an_address_with_letters_of_ours_in_its_domain_is_sent_to(sink: Sink) -> None:
    with Post() as post:
        assert post.send(message("karin@sjukhuset-å.example")) == "250 taken"
