"""How many people those would reach who send by themselves: platforms are asked all at once, desks have told a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.cache import cache

from audiences import presence
from audiences.keys import encrypt, fingerprint
from audiences.models import Address, AddressKind, Contact
from crisis.clock import now
from messaging import reaching, workflow
from messaging.channels import Estimate
from messaging.models import Campaign, Told
from messaging.phrases import Size, size_of
from messaging.reaching import estimates_of, reach_of
from tests import world
from tests.desk import Desk, url
from tests.push import registered

pytestmark = pytest.mark.django_db
AT = "2015-11-08T12:00:00+00:00"


class Platforms(ThreadingHTTPServer):
    """Two platforms behind one door. Each answers in its turn of `says`; `meeting` keeps an answer until both were asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.says: dict[str, Any] = {}
        self.status = 200
        self.asked = 0
        self.meeting: Barrier | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def tells(self, lower: int = 19_000, upper: int = 21_000) -> None:
        self.status, self.says = 200, {"estimate": {"lower": lower, "upper": upper}, "at": AT}


class _Door(BaseHTTPRequestHandler):
    server: Platforms

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        if self.server.meeting:
            self.server.meeting.wait(5)
        body = json.dumps(self.server.says).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def platforms(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platforms]:
    cache.clear()
    with Platforms() as server:
        server.tells()
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-geo": server.url, "operator-roaming": server.url}
        for name in ("VK_GEO", "OPERATOR"):
            monkeypatch.setenv(name, "s3cret")
            monkeypatch.setenv(f"{name}_WEBHOOK", "whsec_c2VjcmV0")
        yield server
        server.shutdown()


class Asking(Desk):
    """A draft by two platforms that send by themselves, under the exception that an operator needs."""

    def __init__(self) -> None:
        super().__init__()
        self.geo, self.operator = world.account("vk-geo"), world.account("operator-roaming")
        reason = "People may die in the next hours if they are not told."
        under = {"exception_reason": reason, "exception_expires_at": now() + timedelta(hours=2)}
        content = world.content(self.geo, self.operator, version=world.audience(self.author), **under)
        self.campaign = workflow.draft(self.incident, content, by=self.author)

    def row(self) -> str:
        """What the preview says, without its line breaks."""
        return " ".join(self.at_author.get(url(self.campaign, "preview/")).content.decode().split())


@pytest.fixture(scope="module")
def made(once: Callable[[type[Asking]], Asking]) -> Asking:
    return once(Asking)


@pytest.fixture
def desk(made: Asking, db: None) -> Asking:
    return deepcopy(made)


def ask(desk: Asking, at: datetime | None = None) -> list[Estimate | str]:
    found = estimates_of(desk.campaign, at or now())
    return [found[desk.geo.pk], found[desk.operator.pk]]


def test_platforms_are_asked_at_once_and_not_one_after_another(desk: Asking, platforms: Platforms) -> None:
    platforms.meeting = Barrier(2)
    assert [word.upper for word in ask(desk) if isinstance(word, Estimate)] == [21_000, 21_000]


def test_a_fresh_estimate_is_not_asked_for_again_and_an_older_one_is(desk: Asking, platforms: Platforms) -> None:
    at = now()
    for later in (0, 59, 61):
        ask(desk, at + timedelta(seconds=later))
    assert platforms.asked == 4


def test_a_platform_that_does_not_answer_is_quoted_as_it_last_did(desk: Asking, platforms: Platforms) -> None:
    first = ask(desk)
    platforms.status = 503
    assert ask(desk, now() + timedelta(minutes=10)) == first


def test_a_platform_that_never_answered_has_no_estimate(desk: Asking, platforms: Platforms) -> None:
    platforms.status = 503
    assert ask(desk) == ["http_503", "http_503"]


def test_a_page_waits_for_no_platform_longer_than_its_patience(
    desk: Asking, platforms: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "PATIENCE", 0.05)
    platforms.meeting = Barrier(3)
    assert ask(desk) == ["timeout", "timeout"]
    platforms.meeting.abort()


@pytest.mark.parametrize(
    ("status", "says", "words"),
    [
        (200, {"estimate": {"lower": 19_000, "upper": 21_000}, "at": AT}, "19,000–21,000 people</b>, <span"),
        (200, {"estimate": {"lower": 19_000, "upper": 21_000}, "at": AT}, "estimated by vk-geo, "),
        (200, {"withheld": True, "reason": "below_threshold", "at": AT}, "withheld: too few people for the platform to say"),
        (429, {}, "the platform was asked too often; it answers again in a minute"),
        (200, {"estimate": {"lower": 19_000, "upper": 21_000}, "at": AT}, "In all: at least 19,000 and at most 42,000 people."),
        (503, {}, "In all: an unknown number of people."),
    ],
)
def test_the_preview_says_what_each_platform_said(
    desk: Asking, platforms: Platforms, status: int, says: dict[str, Any], words: str
) -> None:
    platforms.status, platforms.says = status, says
    assert words in desk.row()


def test_the_approver_reads_who_estimated_and_asks_nobody_anew(desk: Asking, platforms: Platforms) -> None:
    workflow.submit(Campaign.objects.get(pk=desk.campaign.pk), by=desk.author, estimates=estimates_of(desk.campaign, now()))
    asked = platforms.asked
    page = desk.at_chief.get(url(desk.campaign, "decision/")).content.decode()
    assert ("estimated by vk-geo, " in page, platforms.asked) == (True, asked)
    assert "In all: at least 19,000 and at most 42,000 people." in page


def test_what_a_desk_has_told_a_person_stands_on_the_preview_with_who_told_it(desk: Asking) -> None:
    hotels = world.account("manual")
    content = world.content(hotels, version=world.audience(desk.author))
    desk.campaign = workflow.draft(desk.incident, content, by=desk.author)
    assert "the duty desk has told no number yet" in desk.row()
    said = {"lower": 400, "upper": 600, "source": "Hotels, by phone", "said_at": now(), "by": desk.author}
    Told.objects.create(campaign=desk.campaign, account=hotels, **{**said, "lower": 300})
    Told.objects.create(campaign=desk.campaign, account=hotels, **said)
    page = desk.row()
    assert "400–600 people</b>" in page
    assert ("told by Hotels, by phone, " in page, "In all: at least 400 and at most 600 people." in page) == (True, True)


def test_people_whom_two_accounts_of_ours_write_to_are_counted_once(desk: Asking) -> None:
    _pushed(world.contacts([21, 22], at=now() - timedelta(hours=3)))
    with registered("http://127.0.0.1:1"):
        content = world.content(desk.account, world.account("push-test"), version=world.audience(desk.author))
        reach = reach_of(workflow.draft(desk.incident, content, by=desk.author), now(), {})
    assert sorted((len(row["accounts"]), row["people"]) for row in reach["overlap"]) == [(1, 5), (2, 2)]
    assert (sum(entry["people"] for entry in reach["accounts"].values()), size_of(reach)) == (9, Size(7, 7))


def _pushed(people: list[Contact]) -> None:
    """They have our application too."""
    kind = AddressKind.PUSH
    rows = [
        Address(
            contact=row,
            kind=kind,
            value_encrypted=encrypt(kind, f"d{row.pk}"),
            value_hmac=fingerprint(kind, f"d{row.pk}"),
            subscribed=True,
            permitted=True,
        )
        for row in people
    ]
    Address.objects.bulk_create(rows)
    presence.refresh_traits(row.pk for row in people)


def test_one_account_of_ours_overlaps_with_nobody(desk: Asking) -> None:
    content = world.content(desk.account, desk.geo, version=world.audience(desk.author))
    assert "overlap" not in reach_of(workflow.draft(desk.incident, content, by=desk.author), now(), {})
