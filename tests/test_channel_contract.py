"""What every channel of CHANNELS keeps, whatever its platform: one suite, no channel named but by its kind."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.channels import CHANNELS, ChannelError, Message, OrderReport, OrderRequest, Target, channel_class, text_sha256
from messaging.channels.http import MAX_BYTES, HttpChannel
from tests.wire import HASTY, RESET, SILENCE, answer, build, fault

SLUGS = sorted(CHANNELS)
OVER_HTTP = [slug for slug in SLUGS if issubclass(channel_class(slug), HttpChannel)]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXTS = {"ru": "Уезжайте.", "en": "Leave."}
ORDER = OrderRequest(
    order_id="6f9b1c52-6f0e-4c3f-9a5e-0d9c8f1a2b3c",
    exercise=False,
    incident="Egypt",
    incident_reference="7",
    texts=TEXTS,
    text_sha256=text_sha256(TEXTS),
    approved_by=(("author", NOON), ("supervisor", NOON)),
    sender_name="Ministry",
    audience={"country": "EG", "mode": "was_there", "last_seen_within_hours": 336, "until": "2026-11-20T12:00:00Z"},
    include_non_subscribers=True,
    basis_law="Law No 5",
    basis_reason="People may die.",
    basis_ends_at=NOON + timedelta(hours=6),
    not_before=NOON,
    not_after=NOON + timedelta(hours=6),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

each = pytest.mark.parametrize("slug", SLUGS)
each_over_http = pytest.mark.parametrize("slug", OVER_HTTP)


async def place(channel: Any, order: OrderRequest) -> OrderReport:
    """Place an order as the engine does: its words are found first."""
    report: OrderReport = await channel.place(order.order_id, channel.said(order))
    return report


async def speak(channel: Any) -> object:
    """The one request with an effect that a channel of this kind can make."""
    if channel.kind == "delegated":
        return await place(channel, ORDER)
    return await channel.send(Message("Leave.", "en", 7), [Target(1, "1001")])


@each
def test_it_declares_what_the_engine_needs_to_know(slug: str) -> None:
    channel = channel_class(slug)
    assert channel.slug == slug
    assert channel.label
    assert channel.kind in {"addressed", "published", "delegated", "manual"}
    assert (channel.address_kind is not None) == (channel.kind == "addressed")
    assert min(channel.per_request, channel.concurrency, channel.max_length) >= 1
    assert channel.per_second is None or channel.per_second >= 1


@each
def test_it_is_built_from_plain_values(slug: str) -> None:
    assert build(slug, "https://platform.example").setup.sender == "77"


@each
def test_it_shows_no_secret_when_printed(slug: str) -> None:
    shown = repr(build(slug, "https://platform.example").setup)
    assert not {word for word in ("t0ken-of-ours", "whsec_", "c0nfirm") if word in shown}


@each
@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.vk.ru",
        "http://127.0.0.1.example",
        "http://127.0.0.1@example.org",
        "http://[::2]",
        "http://0.0.0.0",
        "",
        "ftp:",
    ],
)
def test_it_refuses_a_drill_with_a_platform_elsewhere(slug: str, base_url: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        build(slug, base_url, drill=True)


@each
@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8", "http://localhost:8", "http://[::1]:8"])
def test_it_accepts_a_drill_on_this_machine(slug: str, base_url: str) -> None:
    assert build(slug, base_url, drill=True).setup.drill


@each
def test_it_says_by_how_much_a_text_is_too_long(slug: str) -> None:
    channel = channel_class(slug)
    limit = channel.max_length
    assert channel.problems("ы" * limit) == []
    assert channel.problems("ы" * (limit + 12)) == [("too_long", {"over": 12, "length": limit + 12, "limit": limit})]


@each
@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=200), headers=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
def test_it_refuses_forged_bytes_with_its_own_error(slug: str, body: bytes, headers: Mapping[str, str]) -> None:
    with pytest.raises(ChannelError) as refused:
        build(slug, "https://platform.example").reports(body, headers)
    assert refused.value.scope in {"forged", "content"}


@each
@settings(deadline=None, max_examples=100)
@given(timestamp=st.text(max_size=12), signature=st.text(max_size=30), body=st.binary(max_size=50))
def test_it_refuses_forged_signatures_with_its_own_error(slug: str, timestamp: str, signature: str, body: bytes) -> None:
    headers = {"webhook-id": "1", "webhook-timestamp": timestamp, "webhook-signature": signature}
    with pytest.raises(ChannelError):
        build(slug, "https://platform.example").reports(body, headers)


@each
@pytest.mark.parametrize(
    "body", [b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b" " * (MAX_BYTES + 1), b'{"secret":1}', b"null"]
)
def test_it_refuses_hostile_webhooks_with_its_own_error(slug: str, body: bytes) -> None:
    with pytest.raises(ChannelError):
        build(slug, "https://platform.example").reports(body, {})


@each
def test_it_believes_no_webhook_while_no_secret_is_set(slug: str) -> None:
    with pytest.raises(ChannelError, match="forged"):
        build(slug, "https://platform.example", webhook_secret="").reports(
            b'{"type":"x","secret":"","event_id":"1","group_id":77}', {}
        )


@each_over_http
def test_it_retries_when_nobody_listens(slug: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert unreached(slug, f"http://127.0.0.1:{closed.getsockname()[1]}") == ("retry", "unreachable")


@each_over_http
def test_it_retries_when_the_connection_is_never_taken(slug: str) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        assert unreached(slug, f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_timeout=3, total_timeout=0.3) == (
            "retry",
            "unreachable",
        )


@each_over_http
def test_it_retries_when_the_name_is_unknown(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        socket, "getaddrinfo", Mock(side_effect=socket.gaierror(-2, "Name or service not known"))
    )  # no resolver is asked
    assert unreached(slug, "https://nowhere.invalid") == ("retry", "unreachable")


@each_over_http
@pytest.mark.parametrize("secured", [True, False])
def test_it_retries_when_it_cannot_trust_the_other_side(slug: str, secured: bool, tmp_path: Path) -> None:
    received: list[bytes] = []
    context = self_signed(tmp_path) if secured else None
    assert asyncio.run(untrusted(slug, context, received)) == ("retry", "unreachable")
    assert not any(b"HTTP" in data for data in received)


@each_over_http
@pytest.mark.parametrize(
    "base_url",
    [
        "http://platform.example",
        "ftp://127.0.0.1",
        "platform.example",
        "",
        "http://[",
        "http://127.0.0.1:99999",
        "https://a..b",
        "https://256.1.1.1",
    ],
)
def test_it_pauses_rather_than_show_its_secret_to_an_unsafe_address(slug: str, base_url: str) -> None:
    assert unreached(slug, base_url) == ("pause", "bad_address")


@each_over_http
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (SILENCE, "timeout"),
        (RESET, "connection_lost"),
        (b"", "connection_lost"),
        (b"\x16\x03\x01garbage\r\n\r\n", "connection_lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "connection_lost"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n{}", "connection_lost"),
        (answer(b""), "unreadable"),
        (answer(b"<html>200</html>"), "unreadable"),
        (answer(b'{"response": ['), "unreadable"),
        (answer(b'{"response": 1, "response": 2}'), "unreadable"),
        (answer(b'{"response": NaN}'), "unreadable"),
        (answer(b"[" * 100_000), "unreadable"),
        (answer(b'"\xff"'), "unreadable"),
        (answer([]), "unreadable"),
        (answer({}), "unreadable"),
        (answer({"response": None, "order_id": None}), "unreadable"),
        (answer(b"\x00", Content_Encoding="br"), "unreadable"),
        (answer(b"not gzip", Content_Encoding="gzip"), "connection_lost"),
        (answer(gzip.compress(b"{}" * 900)[:-9], Content_Encoding="gzip"), "unreadable"),
        (answer(status=500), "http_500"),
        (answer(status=503), "http_503"),
    ],
)
def test_it_calls_an_answer_it_cannot_understand_uncertain(slug: str, script: bytes | str, reason: str) -> None:
    refused, received = fault(slug, speak, script, **(HASTY if script == SILENCE else {}))
    assert (refused.scope, refused.reason, len(received)) == ("uncertain", reason, 1)


@each_over_http
def test_it_stops_reading_at_five_megabytes(slug: str) -> None:
    refused, _ = fault(slug, speak, answer(b" " * (MAX_BYTES + 1)))
    assert (refused.scope, refused.reason) == ("uncertain", "too_large")


@each_over_http
def test_it_counts_the_five_megabytes_after_decompression(slug: str) -> None:
    bomb = gzip.compress(bytes(4 * MAX_BYTES), 9)
    refused, _ = fault(slug, speak, answer(bomb, Content_Encoding="gzip"))
    assert (refused.scope, refused.reason) == ("uncertain", "too_large")


@each_over_http
def test_it_unpacks_no_more_than_it_keeps(slug: str) -> None:
    bomb = answer(gzip.compress(bytes(12 * MAX_BYTES), 9), Content_Encoding="gzip")
    tracemalloc.start()
    fault(slug, speak, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * MAX_BYTES


@each_over_http
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_no_redirect(slug: str, status: int) -> None:
    refused, received = fault(slug, speak, answer(status=status, Location="/elsewhere"), answer({"response": []}))
    assert (refused.scope, refused.reason, len(received)) == ("pause", "redirected", 1)


@each_over_http
@pytest.mark.parametrize("status", [401, 403, 405, 418])
def test_it_pauses_when_the_platform_turns_the_account_away(slug: str, status: int) -> None:
    refused, _ = fault(slug, speak, answer(status=status))
    assert (refused.scope, refused.reason) == ("pause", f"http_{status}")


@each_over_http
def test_it_waits_as_long_as_the_platform_asks(slug: str) -> None:
    refused, _ = fault(slug, speak, answer(status=429, Retry_After="17"))
    assert (refused.scope, refused.reason, refused.retry_after) == ("retry", "http_429", 17)


@each_over_http
def test_it_uses_no_proxy_of_the_environment(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    refused, received = fault(slug, speak, answer(status=500))
    assert (refused.reason, len(received)) == ("http_500", 1)


@each_over_http
def test_it_logs_neither_token_nor_text(slug: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for script in (RESET, answer(b"<html>"), answer(status=500)):
        refused, _ = fault(slug, speak, script)
        assert "t0ken" not in caplog.text + repr(refused)
    assert "Leave." not in caplog.text


@each_over_http
def test_it_puts_no_secret_into_an_address(slug: str) -> None:
    _, received = fault(slug, speak, answer(status=500))
    assert "t0ken" not in received[0].path + repr(received[0].headers)


@each_over_http
def test_it_speaks_only_while_it_is_open(slug: str) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(speak(build(slug, "http://127.0.0.1:9")))  # type: ignore[arg-type]


def test_it_knows_the_same_texts_in_any_order() -> None:
    assert text_sha256({"en": "b", "ru": "ы"}) == text_sha256({"ru": "ы", "en": "b"})
    assert text_sha256({"ru": "ы"}) == "9b91e187447f07ff26552626d5e9ea4297c7859e2f560d23eee85c8e9c860d1a"


def unreached(slug: str, base_url: str, **values: float) -> tuple[str, str]:
    """Scope and reason with which a channel gives up an address nobody answers at."""
    return asyncio.run(given_up(slug, base_url, **values))


async def given_up(slug: str, base_url: str, **values: float) -> tuple[str, str]:
    async with build(slug, base_url, **values) as channel:
        with pytest.raises(ChannelError) as refused:
            await speak(channel)
    return refused.value.scope, refused.value.reason


async def untrusted(slug: str, context: ssl.SSLContext | None, received: list[bytes]) -> tuple[str, str]:
    """Speak TLS to a server with this context, or to one that answers in plain text."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))
        writer.write(answer(status=400))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        return await given_up(slug, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that is right in everything but its issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    addresses = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    valid = x509.CertificateBuilder(name, name, key.public_key(), 7, datetime(2020, 1, 1), datetime(2120, 1, 1))
    certificate = valid.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "pem").write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context
