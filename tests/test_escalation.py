"""Waking those who may decide: who is told when, what stops it, what a notice says, and that it holds no campaign up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from crisis.clock import now
from crisis.models import AuditEntry, Duty, User
from crisis.refusal import Refused
from messaging import delivery, escalation, workflow
from messaging.models import Campaign, Notice, Round, Status
from messaging.stage import free_ports
from tests import visits, world
from tests.stages import Cast, ahead
from tests.world import sql

EMAIL, SCREEN, SMS = Notice.Way.EMAIL, Notice.Way.SCREEN, Notice.Way.SMS
MARK = "DRAFT – NOT RELEASED"


class Night(Cast):
    """Boris is on duty and called first, Vera second; Zoya is at home."""

    def __init__(self) -> None:
        super().__init__()
        self.vera, self.zoya = world.person("vera", "supervisor"), world.person("zoya", "supervisor")
        self.author = User.objects.get(pk=self.author.pk)
        for order, row in enumerate((self.approver, self.vera), start=1):
            at = now()
            phone = f"+7 495 000-00-0{order}"
            Duty.objects.create(person=row, from_at=at, until_at=at + timedelta(hours=12), order=order, phone=phone)
        for row in (self.approver, self.vera, self.zoya):
            User.objects.filter(pk=row.pk).update(email=f"{row.username}@ministry.test")

    def stand(self, campaign: Campaign) -> escalation.Stand:
        found = escalation.stand_of(Campaign.objects.get(pk=campaign.pk), now())
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _by_mail(settings: Any) -> None:
    settings.NOTICE_EMAIL = True
    settings.PUBLIC_URL = "https://console.test"


@pytest.fixture
def night(db: None) -> Night:
    return Night()


@pytest.fixture
def dark(committed: str) -> Night:
    """The same in a database whose clock can be moved."""
    return Night()


def told() -> list[str]:
    """Names of those who got a mail, in its order."""
    return [address.partition("@")[0] for message in mail.outbox for address in message.to]


def test_the_first_on_duty_is_told_at_once_and_nobody_else(night: Night) -> None:
    night.submitted()
    escalation.tell(EMAIL)
    assert told() == ["boris"]


def test_unanswered_the_next_is_told_after_three_minutes_and_then_everybody(dark: Night) -> None:
    dark.submitted()
    found = []
    for seconds in (0, 175, 181, 355, 361, 3600):
        ahead(seconds=seconds)
        escalation.tell(EMAIL)
        found.append(told())
    assert found == [["boris"], ["boris"], ["boris", "vera"], ["boris", "vera"], *[["boris", "vera", "zoya"]] * 2]


def test_with_nobody_on_duty_everybody_is_told_at_once(night: Night) -> None:
    Duty.objects.all().delete()
    night.submitted()
    escalation.tell(EMAIL)
    assert sorted(told()) == ["boris", "vera", "zoya"]


def test_an_author_is_not_asked_about_what_they_wrote(night: Night) -> None:
    campaign = workflow.draft(
        world.incident(night.vera), world.content(night.account, version=world.audience(night.vera)), by=night.vera
    )
    workflow.submit(campaign, by=night.vera)
    assert night.vera.pk not in set(Notice.objects.values_list("person", flat=True))


def test_the_notices_are_undone_with_a_submission_that_is_undone(night: Night) -> None:
    draft = night.draft()
    with transaction.atomic():
        workflow.submit(draft, by=night.author)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("verb", ["approve", "send_back", "reject", "withdraw"])
def test_after_a_decision_nobody_is_told_any_more(dark: Night, verb: str) -> None:
    campaign = dark.submitted()
    if verb == "approve":
        world.approve(campaign, dark.approver)
    elif verb == "withdraw":
        workflow.withdraw(campaign, by=dark.author)
    else:
        getattr(workflow, verb)(campaign, "no", by=dark.approver)
    ahead(hours=1)
    for way in Notice.Way:
        assert escalation.tell(way) == 0
    assert mail.outbox == []


def test_whoever_has_it_gets_nine_minutes_before_the_next_is_told(dark: Night) -> None:
    campaign = dark.submitted()
    workflow.take(campaign, by=dark.approver)
    found = []
    for seconds in (535, 545, 715, 725):
        ahead(seconds=seconds)
        escalation.tell(EMAIL)
        found.append(len(told()))
    assert (found, told()) == ([1, 2, 2, 3], ["boris", "vera", "zoya"])


def test_the_author_is_told_who_has_it_and_when_the_next_is_told(night: Night) -> None:
    campaign = night.submitted()
    assert night.stand(campaign).next_people == [night.vera]
    workflow.take(campaign, by=night.approver)
    stand = night.stand(campaign)
    assert ([row.person for row in stand.has_it], stand.answered) == ([night.approver], True)
    assert stand.next_at is not None
    assert stand.next_at - now() > timedelta(seconds=530)


def test_once_everybody_was_told_and_nobody_answered_it_says_so(dark: Night) -> None:
    campaign = dark.submitted()
    ahead(seconds=500)
    assert not dark.stand(campaign).silent
    ahead(seconds=545)
    assert dark.stand(campaign).silent
    assert "Everybody who may decide was told" in visits.page(dark.author, "campaign_preview", campaign.pk)


def test_a_new_round_tells_the_first_again(night: Night) -> None:
    campaign = night.submitted()
    escalation.tell(EMAIL)
    workflow.send_back(campaign, "say until when", by=night.approver)
    workflow.submit(campaign, by=night.author)
    escalation.tell(EMAIL)
    assert told() == ["boris", "boris"]


def test_a_campaign_that_is_held_at_its_time_tells_the_first_again(dark: Night) -> None:
    campaign = dark.at("approved")
    world.contacts([*range(10, 150)])
    ahead(hours=2)
    delivery.sweep(pump_for=0)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED
    escalation.tell(EMAIL)
    assert told() == ["boris"]


def test_a_notice_begins_with_what_it_is_and_holds_the_whole_text_the_number_and_the_way_to_decide(night: Night) -> None:
    campaign = night.submitted()
    escalation.tell(EMAIL)
    (message,) = mail.outbox
    body = str(message.body)
    assert (message.subject.startswith(MARK), body.startswith(MARK)) == (True, True)
    for part in (
        "Текст по-русски.",
        "A text in English.",
        "3 people",
        f"https://console.test/campaigns/{campaign.pk}/decision/",
    ):
        assert part in body


def test_a_notice_speaks_the_language_of_its_reader(night: Night) -> None:
    User.objects.filter(pk=night.approver.pk).update(language="ru")
    night.submitted()
    escalation.tell(EMAIL)
    assert "Москва" in str(mail.outbox[0].body)


def test_a_notice_of_a_drill_says_so_first(night: Night) -> None:
    world.account(drill=True)
    world.submitted(night.author, world.account("vk-geo", drill=True), drill=True, exception_reason="a drill " * 5,
                    exception_expires_at=now() + timedelta(hours=1))  # fmt: skip
    escalation.tell(EMAIL)
    assert mail.outbox[0].subject.startswith(f"{MARK} · DRILL")


def test_a_headline_cannot_add_a_header(night: Night) -> None:
    texts = {"ru": world.Words("Беда\r\nBcc: x@evil.test", "Текст.", "Ждите.")}
    with pytest.raises(Refused, match=r"U\+000D does not belong"):
        night.submitted(texts=texts)
    escalation.tell(EMAIL)
    assert mail.outbox == []


def test_a_mail_server_that_is_down_is_tried_again_and_holds_no_campaign_up(dark: Night, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_ports(1)[0]
    campaign = dark.submitted()
    escalation.tell(EMAIL)
    row = Notice.objects.get(way=EMAIL, person=dark.approver)
    assert (row.sent_at, row.failure, row.attempts) == (None, "ConnectionRefusedError", 1)
    ahead(seconds=6)
    assert escalation.tell(EMAIL) == 1
    assert world.approve(campaign, dark.approver).status == Status.SENDING


def test_after_six_tries_a_notice_is_given_up(night: Night) -> None:
    night.submitted()
    Notice.objects.filter(way=EMAIL).update(attempts=5)
    assert escalation.sending._claim(EMAIL)
    Notice.objects.filter(way=EMAIL).update(lease_until=None)
    assert escalation.sending._claim(EMAIL) is None


def test_two_tellers_at_once_tell_one_person_once(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.submitted()
    claimed = [escalation.sending._claim(EMAIL) for _teller in range(2)]
    assert [row and row.person for row in claimed] == [night.approver, None]


def test_a_teller_that_died_after_its_claim_is_replaced(dark: Night) -> None:
    dark.submitted()
    assert escalation.sending._claim(EMAIL)
    ahead(seconds=31)
    escalation.tell(EMAIL)
    assert told() == ["boris"]


class Door(BaseHTTPRequestHandler):
    """The installation's SMS door; `heard` keeps what came."""

    heard: list[tuple[Any, bytes]] = []

    def do_POST(self) -> None:
        self.heard.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Silent."""


@pytest.fixture
def door(settings: Any) -> Iterator[list[tuple[Any, bytes]]]:
    server = HTTPServer(("127.0.0.1", 0), Door)
    Door.heard = []
    settings.NOTICE_SMS_URL, settings.NOTICE_SMS_SECRET = f"http://127.0.0.1:{server.server_port}/", "s3cret"
    Thread(target=server.serve_forever, daemon=True).start()
    yield Door.heard
    server.shutdown()


def test_the_sms_door_hears_the_phone_and_the_whole_text_signed(night: Night, door: list[tuple[Any, bytes]]) -> None:
    night.submitted()
    assert escalation.tell(SMS) == 1
    ((headers, content),) = door
    said = json.loads(content)
    assert (said["to"], said["text"].startswith(MARK)) == ("+7 495 000-00-01", True)
    assert headers["X-Signature"].startswith("sha256=")
    assert "s3cret" not in content.decode()


def test_without_a_door_no_sms_is_planned(night: Night) -> None:
    night.submitted()
    assert set(Notice.objects.values_list("way", flat=True)) == {"screen", "email"}


def test_a_call_that_reached_somebody_is_noted_and_gives_them_time(night: Night) -> None:
    campaign = night.submitted()
    workflow.called(campaign, night.vera, reached=True, by=night.author)
    stand = night.stand(campaign)
    assert [(row.person, row.way, row.by) for row in stand.has_it] == [(night.vera, "phone", night.author)]
    assert AuditEntry.objects.filter(action="notice.call", by=night.author).exists()


def test_a_call_without_an_answer_gives_no_time(night: Night) -> None:
    campaign = night.submitted()
    before = night.stand(campaign).next_at
    workflow.called(campaign, night.approver, reached=False, by=night.author)
    stand = night.stand(campaign)
    assert (stand.next_at, stand.answered) == (before, False)


@pytest.mark.parametrize("who", ["author", "zoya"])
def test_only_somebody_who_may_decide_is_called_or_has_it(night: Night, who: str) -> None:
    campaign, person = night.submitted(), getattr(night, who)
    if who == "zoya":
        User.objects.filter(pk=person.pk).update(is_active=False)
        person = User.objects.get(pk=person.pk)
    before = Notice.objects.filter(answered_at=None).count()
    with pytest.raises(Refused):
        workflow.called(campaign, person, reached=True, by=night.author)
    with pytest.raises(Refused):
        workflow.take(campaign, by=person)
    assert Notice.objects.filter(answered_at=None).count() == before


def test_the_database_keeps_every_submitted_round_as_it_stood(night: Night) -> None:
    campaign = night.submitted()
    workflow.send_back(campaign, "say until when", by=night.approver)
    workflow.submit(campaign, by=night.author)
    assert [(row.number, row.by, row.texts[0]["headline"]) for row in Round.objects.all()] == [
        (1, night.author, "Заголовок"), (2, night.author, "Заголовок")
    ]  # fmt: skip


@pytest.mark.parametrize("statement", ["UPDATE messaging_round SET texts = '[]'", "DELETE FROM messaging_round"])
def test_nobody_rewrites_a_submitted_round(night: Night, statement: str) -> None:
    night.submitted()
    with pytest.raises(Exception, match=r"permission denied|only grows"), transaction.atomic():
        sql(statement)
    assert Round.objects.get().texts != []


def test_the_same_round_is_not_kept_twice(night: Night) -> None:
    campaign = night.submitted()
    with pytest.raises(IntegrityError), transaction.atomic():
        Round.objects.create(campaign=campaign, number=campaign.round, texts=[], facts={}, reach={})
