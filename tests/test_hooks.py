"""The doors of platforms: who may knock, what is kept, and that the same event twice is one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from audiences.keys import fingerprint
from audiences.models import AddressKind, Presence
from messaging import bell, delivery
from messaging.channels import OrderReport
from messaging.models import Account, Batch, Campaign, Delivery, Order, Receipt, Reply
from tests import world

pytestmark = pytest.mark.django_db
SECRET = "our callback secret"
KEY = b"a webhook secret"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"VK_MINISTRY": "t", "VK_MINISTRY_WEBHOOK": SECRET, "VK_MINISTRY_CONFIRMATION": "c0nfirm"}
    geo = {"VK_GEO": "t", "VK_GEO_WEBHOOK": f"whsec_{base64.b64encode(KEY).decode()}"}
    for name, value in {**values, **geo}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The lanes rung for, instead of Redis."""
    heard: list[list[int]] = []
    monkeypatch.setattr(bell, "ring", lambda lanes: heard.append([lane.account_id for lane in lanes]))
    return heard


@pytest.fixture
def vk() -> Account:
    return world.account()


@pytest.fixture
def geo(settings: Any) -> Account:
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-geo": "http://127.0.0.1:1"}
    return world.account("vk-geo")


def event(kind: str, found: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """One event of VK's Callback API."""
    whole = {"type": kind, "event_id": "e1", "group_id": 100000001, "secret": SECRET, "v": "5.199", "object": found or {}}
    return {**whole, **changes}


def message(peer: int, text: str, event_id: str = "e1") -> dict[str, Any]:
    written = {"from_id": peer, "peer_id": peer, "id": 7, "date": int(time.time()), "text": text}
    return event("message_new", {"message": written}, event_id=event_id)


def knock(account: Account, body: Any, **headers: str) -> tuple[int, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Client(enforce_csrf_checks=True).post(f"/hooks/{account.pk}/", raw, "application/json", headers=headers)
    return answer.status_code, answer.content.decode()


def signed(account: Account, body: Any, *, key: bytes = KEY, event_id: str = "evt_1") -> tuple[int, str]:
    """Knock as a platform that signs after Standard Webhooks."""
    raw, stamp = json.dumps(body).encode(), str(int(time.time()))
    digest = hmac.new(key, f"{event_id}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": signature}
    return knock(account, raw, **headers)


def order_event(order_id: str, **changes: Any) -> dict[str, Any]:
    at, counters = "2015-11-08T12:00:00Z", {"matched": 20000, "sent": 19400}
    decision = {"outcome": "accepted", "at": at, "by": "duty officer", "reason": "", "narrowed": []}
    order = {"order_id": order_id, "status": "sending", "at": at, "decision": decision, "counters": counters}
    return {"type": "order.status", "event_id": "evt_1", "order": {**order, **changes}}


def test_it_stores_an_opt_out_without_an_address_and_says_ok(vk: Account) -> None:
    assert knock(vk, event("message_deny", {"user_id": 1000})) == (200, "ok")
    row = Receipt.objects.get()
    assert (row.kind, bytes(row.person_hmac or b""), row.data) == ("denied", fingerprint(AddressKind.VK, "1000"), {})


def test_it_keeps_the_same_event_once(vk: Account) -> None:
    for _ in range(3):
        assert knock(vk, event("message_deny", {"user_id": 1000})) == (200, "ok")
    assert Receipt.objects.count() == 1


def test_it_keeps_a_repeated_reply_once(vk: Account, rings: list[list[int]]) -> None:
    world.contacts([1000])
    for _ in range(2):
        assert knock(vk, message(1000, "help")) == (200, "ok")
    assert Reply.objects.count() == 1


def test_it_answers_a_confirmation_with_its_text(vk: Account) -> None:
    assert knock(vk, event("confirmation")) == (200, "c0nfirm")
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (event("message_deny", {"user_id": 1000}, secret="guessed"), 403),
        (event("confirmation", secret="guessed"), 403),
        ({"type": "confirmation", "group_id": 100000001}, 403),
        (event("message_deny", {"user_id": "x"}), 400),
        (event("message_deny", {"user_id": 1000}, group_id=5), 400),
        (b"\xff\x00 not json", 400),
        (b"[]", 400),
        (b"", 400),
    ],
)
def test_it_refuses_what_is_forged_or_unreadable(vk: Account, body: Any, status: int) -> None:
    assert knock(vk, body)[0] == status
    assert not Receipt.objects.exists()


def test_it_tells_nothing_to_a_browser(vk: Account) -> None:
    assert Client().get(f"/hooks/{vk.pk}/").status_code == 405
    assert Client().put(f"/hooks/{vk.pk}/", b"{}").status_code == 405


def test_it_knows_no_other_door(vk: Account) -> None:
    assert Client().post(f"/hooks/{vk.pk + 1}/", b"{}", "application/json").status_code == 404


def test_it_refuses_a_body_over_one_megabyte(vk: Account) -> None:
    big = json.dumps(message(1000, "x" * (1024 * 1024))).encode()
    assert knock(vk, big)[0] == 413


def test_it_asks_the_platform_to_come_again_while_the_secret_is_missing(vk: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VK_MINISTRY")
    assert knock(vk, event("confirmation"))[0] == 503


def test_it_ignores_an_event_about_what_is_no_person(vk: Account) -> None:
    assert knock(vk, event("message_deny", {"user_id": 2_000_000_005})) == (200, "ok")
    assert not Receipt.objects.exists()


def test_it_ignores_an_event_of_another_kind(vk: Account) -> None:
    assert knock(vk, event("wall_post_new", {"id": 5})) == (200, "ok")
    assert not Receipt.objects.exists()


def test_it_takes_an_opt_out_to_the_address(vk: Account) -> None:
    (anna,) = world.contacts([1000])
    knock(vk, event("message_deny", {"user_id": 1000}))
    delivery.settle()
    assert anna.addresses.get().denied


def test_it_stores_an_order_so_that_settling_reads_it_back(geo: Account) -> None:
    order_id = str(uuid4())
    assert signed(geo, order_event(order_id)) == (200, "ok")
    row = Receipt.objects.get()
    report = OrderReport.from_json(row.data)
    assert (report.order_id, report.status, report.matched, report.sent, row.person_hmac) == (
        order_id,
        "sending",
        20000,
        19400,
        None,
    )


def test_it_refuses_an_order_signed_by_a_stranger(geo: Account) -> None:
    assert signed(geo, order_event(str(uuid4())), key=b"a stranger's key")[0] == 403
    assert not Receipt.objects.exists()


def test_it_keeps_an_order_event_sent_twice_once(geo: Account) -> None:
    order_id = str(uuid4())
    assert [signed(geo, order_event(order_id))[0] for _ in range(2)] == [200, 200]
    assert Receipt.objects.count() == 1


def test_it_applies_a_report_to_its_order(geo: Account) -> None:
    order = _order(geo)
    signed(geo, order_event(str(order.pk)))
    delivery.settle()
    order.refresh_from_db()
    assert (order.sent, order.matched, order.answered_by) == (19400, 20000, "duty officer")


def _order(geo: Account) -> Order:
    author, approver = world.person("anna", "operator"), world.person("boris", "supervisor")
    campaign = world.approve(world.submitted(author, geo), approver)
    return Order.objects.get(batch__campaign=campaign)


def test_it_keeps_a_persons_words_with_what_they_last_got(vk: Account, rings: list[list[int]]) -> None:
    campaign, contact = _got(vk, 1000)
    knock(vk, message(1000, "We need help"))
    reply = Reply.objects.get()
    assert (reply.text, reply.contact, reply.campaign, reply.answer) == ("We need help", contact, campaign, Reply.Answer.QUEUED)
    assert reply.receipt.data == {}


def _got(vk: Account, peer: int) -> tuple[Campaign, int]:
    (row,) = world.contacts([peer])
    author, approver = world.person("anna", "operator"), world.person("boris", "supervisor")
    campaign = world.approve(world.submitted(author, vk), approver)
    batch = Batch.objects.get(campaign=campaign)
    Delivery.objects.create(campaign=campaign, account=vk, batch=batch, contact=row.pk, status="accepted")
    return campaign, row.pk


def test_it_rings_when_an_answer_is_due(
    vk: Account, rings: list[list[int]], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    world.contacts([1000])
    with django_capture_on_commit_callbacks(execute=True):
        knock(vk, message(1000, "help"))
    assert rings == [[vk.pk]]


def test_it_answers_a_person_once_a_day(vk: Account, rings: list[list[int]]) -> None:
    world.contacts([1000])
    knock(vk, message(1000, "help", "e1"))
    knock(vk, message(1000, "help again", "e2"))
    assert [*Reply.objects.order_by("pk").values_list("answer", flat=True)] == ["queued", "none"]


def test_it_answers_again_when_the_first_answer_failed(vk: Account, rings: list[list[int]]) -> None:
    world.contacts([1000])
    knock(vk, message(1000, "help", "e1"))
    Reply.objects.update(answer=Reply.Answer.FAILED)
    knock(vk, message(1000, "help again", "e2"))
    assert Reply.objects.latest("pk").answer == Reply.Answer.QUEUED


def test_it_answers_again_after_a_day(vk: Account, rings: list[list[int]]) -> None:
    world.contacts([1000])
    knock(vk, message(1000, "help", "e1"))
    world.sql("UPDATE messaging_reply SET received_at = received_at - interval '25 hours'")
    knock(vk, message(1000, "help again", "e2"))
    assert Reply.objects.latest("pk").answer == Reply.Answer.QUEUED


def test_it_keeps_the_words_of_somebody_we_do_not_hold_with_the_newest_alert(vk: Account, rings: list[list[int]]) -> None:
    campaign, _ = _got(vk, 1000)
    knock(vk, message(555_000, "We are in Hurghada, help"))
    reply = Reply.objects.get()
    assert (reply.contact, reply.campaign, reply.answer) == (None, campaign, Reply.Answer.NONE)


def test_it_cuts_a_text_of_more_than_4000_characters(vk: Account, rings: list[list[int]]) -> None:
    knock(vk, message(555_000, "я" * 5000))
    assert len(Reply.objects.get().text) == 4000


def test_it_keeps_an_event_whose_id_is_very_long_once(vk: Account) -> None:
    for _ in range(2):
        assert knock(vk, event("message_deny", {"user_id": 1000}, event_id="e" * 190)) == (200, "ok")
    assert len(Receipt.objects.get().event_id) == 64


@pytest.mark.parametrize("known", [True, False])
def test_no_event_of_a_platform_says_where_somebody_is(vk: Account, rings: list[list[int]], known: bool) -> None:
    world.contacts([1000 if known else 999])
    seen = [*Presence.objects.values_list("contact_id", "country", "cell", "last_seen_at", "source_id")]
    place = {"geo": {"type": "point", "coordinates": {"latitude": 30.04, "longitude": 31.24}}}
    for number, kind in enumerate(["message_allow", "message_deny", "message_allow", "group_join", "group_leave"]):
        assert knock(vk, event(kind, {"user_id": 1000, "country": "TR", **place}, event_id=f"e{number}")) == (200, "ok")
    assert knock(vk, message(1000, "30.04, 31.24", "e9")) == (200, "ok")
    delivery.settle()
    assert [*Presence.objects.values_list("contact_id", "country", "cell", "last_seen_at", "source_id")] == seen
