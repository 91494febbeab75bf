"""The simulated mail server, met by an unmodified SMTP client: what it takes is in its journal before it says so."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.wire import Simulator, simulator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("mail", tmp_path_factory.mktemp("mail") / "journal", env={}) as process:
        yield process


def port(server: Simulator) -> int:
    return int(server.url.rpartition(":")[2])


def letter(text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "ЧЕРНОВИК", "console@crisis.example", "boris@center.example"
    message.set_content(text)
    return message


def test_a_mail_is_in_the_journal_with_its_subject_and_whole_text(server: Simulator) -> None:
    with smtplib.SMTP("127.0.0.1", port(server), timeout=5) as client:
        client.send_message(letter("Полёты прерваны.\n\n.точка в начале\n"))
    line = server.lines()[-1]
    assert (line["to"], line["subject"]) == (["boris@center.example"], "ЧЕРНОВИК")
    assert line["text"].split() == ["Полёты", "прерваны.", ".точка", "в", "начале"]


def test_a_client_that_breaks_off_has_sent_nothing(server: Simulator) -> None:
    before = len(server.lines())
    with socket.create_connection(("127.0.0.1", port(server)), timeout=5) as raw:
        raw.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: half")
    with smtplib.SMTP("127.0.0.1", port(server), timeout=5) as client:
        assert client.noop()[0] == 250
    assert len(server.lines()) == before


@pytest.mark.parametrize(("said", "code"), [("DATA", 503), ("RCPT TO:<a@b>", 503), ("VRFY boris", 502), ("AUTH PLAIN", 502)])
def test_what_it_does_not_do_it_refuses(server: Simulator, said: str, code: int) -> None:
    with smtplib.SMTP("127.0.0.1", port(server), timeout=5) as client:
        assert client.docmd(said)[0] == code
