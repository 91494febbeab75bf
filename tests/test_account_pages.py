"""Account and queue pages, and the reference data behind them."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisDown

from crisis.models import AuditEntry, User
from crisis.refusal import Forbidden, Refused
from messaging import bell, standing
from messaging.channels import CHANNELS, ChannelError, channel_class
from messaging.models import Account, Batch, Campaign, Delivery
from messaging.phrases import no_estimate
from messaging.views.accounts import KINDS
from tests import world
from tests.visits import expect_status, page, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_MINISTRY", "a token")


@pytest.fixture
def operator() -> User:
    return world.person("anna", "operator")


@pytest.fixture
def supervisor() -> User:
    return world.person("boris", "supervisor")


@pytest.fixture
def admin_person() -> User:
    return world.person("vera", "admin")


@pytest.fixture
def account() -> Account:
    return world.account()


@pytest.fixture
def campaign(operator: User, account: Account) -> Campaign:
    """Submitted, meant for three people."""
    world.contacts([1000, 2000, 3000])
    return world.submitted(operator, account)


def test_it_never_shows_the_value_of_a_secret(account: Account, admin_person: User) -> None:
    html = page(admin_person, "account_detail", account.pk)
    assert "VK_MINISTRY" in html
    assert "a token" not in html
    assert "in place" in html


@pytest.mark.parametrize("slug", CHANNELS)
def test_it_names_every_registered_channel_and_what_it_does(slug: str, operator: User) -> None:
    row = world.account(slug)
    for html in (page(operator, "account_list"), page(operator, "account_detail", row.pk)):
        assert channel_class(slug).label in html
        assert str(KINDS[channel_class(slug).kind]) in html


def test_it_says_that_a_secret_is_missing(account: Account, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VK_MINISTRY")
    assert "Its secret is not in place" in page(operator, "account_list")


def test_it_counts_failures_by_reason(campaign: Campaign, account: Account, supervisor: User) -> None:
    batch = Batch.objects.get(campaign=world.approve(campaign, supervisor))
    for contact in batch.people[:2]:
        Delivery.objects.create(campaign=campaign, account=account, batch=batch, contact=contact, status="failed", reason="900")
    assert "have blocked our group" in page(supervisor, "account_detail", account.pk)


def test_it_counts_the_people_who_still_wait(
    campaign: Campaign, account: Account, supervisor: User, admin_person: User
) -> None:
    world.approve(campaign, supervisor)
    Batch.objects.update(accepted=1, failed=1)
    assert "1 person waits to be written to" in page(supervisor, "account_detail", account.pk)
    assert '<td class="num">1</td><td class="num">fewer than 10</td>' in page(admin_person, "queues")


def test_it_pauses_an_account_for_a_reason(account: Account, supervisor: User) -> None:
    answer = post(supervisor, "account_pause", account.pk, reason="The group was hacked")
    account.refresh_from_db()
    assert account.paused_at is not None
    assert "The group was hacked" in answer.content.decode()
    assert AuditEntry.objects.latest("pk").action == "account.pause"


def test_it_pauses_nothing_without_a_reason(account: Account, supervisor: User) -> None:
    answer = post(supervisor, "account_pause", account.pk, reason=" ")
    account.refresh_from_db()
    assert (answer.status_code, account.paused_at) == (409, None)
    assert "Say why" in answer.content.decode()


def test_it_resumes_an_account_and_rings(account: Account, supervisor: User) -> None:
    standing.pause_account(account, "why", by=supervisor)
    post(supervisor, "account_resume", account.pk)
    account.refresh_from_db()
    assert (account.paused_at, account.paused_reason) == (None, "")


def test_it_resumes_once(account: Account, supervisor: User) -> None:
    with pytest.raises(Refused, match="not paused"):
        standing.resume_account(account, by=supervisor)


@pytest.mark.parametrize("name", ["account_pause", "account_resume", "account_test"])
def test_it_lets_an_operator_touch_no_account(name: str, account: Account, operator: User) -> None:
    assert post(operator, name, account.pk, reason="why").status_code == 403


@pytest.mark.parametrize("name", ["account_pause", "account_resume", "account_test"])
def test_it_changes_no_account_by_a_link(name: str, account: Account, supervisor: User) -> None:
    expect_status(405, supervisor, name, account.pk)


def test_it_says_what_a_test_found(account: Account, supervisor: User, settings: Any) -> None:
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": "http://127.0.0.1:9"}
    answer = post(supervisor, "account_test", account.pk)
    assert "Test: " in answer.content.decode()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.data["ok"]) == ("account.test", False)


def test_it_refuses_a_test_by_somebody_who_may_not(account: Account, operator: User) -> None:
    with pytest.raises(Forbidden):
        standing.probe(account, by=operator)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("5", "The platform does not accept our token"),
        ("http_502", "the error 502"),
        ("no_secret", "Its secret is not in place"),
        ("hacked since noon", "hacked since noon"),
        ("4711", "The platform's reason: 4711."),
    ],
)
def test_it_says_a_reason_in_words(reason: str, words: str) -> None:
    assert words in standing.in_words(reason)


@pytest.mark.parametrize("reason", [*standing.TROUBLE, "http_502"])
def test_it_says_what_to_do_after_what_happened(reason: str) -> None:
    happened, _, remedy = standing.in_words(reason).partition(". ")
    assert happened
    assert remedy


SPOKEN_TO = {"vk-direct": "http://127.0.0.1:9"}
# Why an account does not even ask: what is set up otherwise, the word, and the sentence beside a reach that nobody told.
SILENT: list[tuple[str, dict[str, str], str, str]] = [
    ("ABSENT", SPOKEN_TO, "no_secret", "not asked: Its secret is not in place. An administrator has to add it."),
    ("DRILL_VK_MINISTRY", {}, "bad_address", "not asked: The platform's address is set up wrongly."),
    ("DRILL_VK_MINISTRY", {"vk-direct": "https://api.vk.ru"}, "drill_not_local", "not asked: It is a drill account whose"),
]


@pytest.mark.parametrize(("secret", "urls", "word", "sentence"), SILENT, ids=[row[2] for row in SILENT])
def test_an_account_that_may_not_speak_says_why_by_one_word(
    secret: str, urls: dict[str, str], word: str, sentence: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_VK_MINISTRY", "token")
    settings.DRILL_CHANNEL_URLS = settings.CHANNEL_URLS = urls
    with pytest.raises(ChannelError) as refused:
        Account(slug="vk-direct", handle="1", secret_name=secret, drill=secret.startswith("DRILL_")).connect()
    assert (refused.value.scope, refused.value.reason) == ("pause", word)
    assert str(no_estimate(word)).startswith(sentence)


# Queues, and the reference data


def test_it_shows_queues_to_administrators_and_auditors_alone(operator: User, admin_person: User, account: Account) -> None:
    expect_status(403, operator, "queues")
    assert "Workers" in page(admin_person, "queues")


def test_it_goes_on_without_redis(admin_person: User, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise RedisDown

    monkeypatch.setattr(bell, "redis", down)
    assert "Redis does not answer; sending goes on without it." in page(admin_person, "queues")


ACCOUNT = {
    "slug": "vk-direct",
    "label_ru": "VK",
    "handle": "77",
    "secret_name": "VK_MINISTRY",
    "rate": "",
    "answer_minutes": "60",
}
NO_LANES = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}


def test_it_makes_an_account_ready_to_be_used(admin_person: User) -> None:
    post(admin_person, "admin:messaging_account_add", **ACCOUNT, **NO_LANES)
    made = Account.objects.get()
    assert (made.address_kind, made.rate, made.lanes.count()) == (1, 20, 1)
    assert AuditEntry.objects.filter(action="reference.add").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret_name": "DRILL_VK"}, "secret is named DRILL_"),
        ({"rate": "50"}, "allows 20 requests a second"),
        ({"rate": "0"}, "greater than or equal to 1"),
        ({}, "two would repeat every message"),
    ],
)
def test_it_says_why_an_account_cannot_be_made(
    admin_person: User, account: Account, changes: dict[str, str], words: str
) -> None:
    answer = post(admin_person, "admin:messaging_account_add", **{**ACCOUNT, **changes}, **NO_LANES)
    assert words in answer.content.decode()
    assert Account.objects.count() == 1


@pytest.mark.parametrize("model", ["campaign", "approval"])
def test_it_only_shows_the_ledger_there(model: str, admin_person: User) -> None:
    expect_status(200, admin_person, f"admin:messaging_{model}_changelist")
    expect_status(403, admin_person, f"admin:messaging_{model}_add")


def test_it_lets_an_auditor_look_and_change_nothing(account: Account) -> None:
    auditor = world.person("gleb", "auditor")
    assert "VK_MINISTRY" in page(auditor, "admin:messaging_account_change", account.pk)
    assert post(auditor, "admin:messaging_account_change", account.pk, **ACCOUNT, **NO_LANES).status_code == 403
