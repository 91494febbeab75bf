"""The exception as an object: who may grant it to whom for how long, what ends with it, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from crisis import incidents
from crisis.clock import now
from crisis.models import AuditEntry, Incident, User
from crisis.refusal import Refused
from messaging import delivery, waiting, workflow
from messaging.channels import DelegatedChannel
from messaging.delivery import orders
from messaging.delivery.claiming import Claim
from messaging.models import Account, Campaign, ExceptionTerm, Order, ReachException, Status
from messaging.public.register import entries, rounded, used
from tests import visits, world
from tests.stages import expect_refusal
from tests.world import sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
DANGER = "Bombs were found at the airport; people may die."


class Case:
    """An alert by a platform that sends by itself, to people who did not subscribe."""

    def __init__(self) -> None:
        self.author, self.boris, self.vera = (
            world.person("anna", "operator"), world.person("boris", "supervisor"), world.person("vera", "supervisor"),
        )  # fmt: skip
        self.account = world.account("vk-geo")
        self.incident = world.incident(self.author)

    def draft(self, *, incident: Incident | None = None, account: Account | None = None, **changes: Any) -> Campaign:
        base = {"exception_reason": DANGER, "exception_expires_at": now() + timedelta(hours=48), **changes}
        content = world.content(account or self.account, version=world.audience(self.author), **base)
        return workflow.draft(incident or self.incident, content, by=self.author)

    def submitted(self, **changes: Any) -> Campaign:
        return workflow.submit(self.draft(**changes), by=self.author)

    def sending(self, **changes: Any) -> Campaign:
        return world.approve(self.submitted(**changes), self.boris)


@pytest.fixture(scope="module")
def made(once: Callable[[type[Case]], Case]) -> Case:
    return once(Case)


@pytest.fixture
def case(made: Case) -> Case:
    return deepcopy(made)


def exception_of(campaign: Campaign) -> ReachException:
    found = Campaign.objects.select_related("exception__incident").get(pk=campaign.pk).exception
    assert found is not None
    return found


def test_it_is_written_with_the_draft_by_its_author_for_its_incident(case: Case) -> None:
    exception = exception_of(case.draft())
    assert (exception.reason, exception.written_by, exception.incident) == (DANGER, case.author, case.incident)
    assert not exception.in_force(now())


def test_it_is_granted_with_the_approval_by_the_second_person(case: Case) -> None:
    campaign = case.sending()
    exception = exception_of(campaign)
    term = exception.terms.get()
    assert (term.by, term.until) == (case.boris, exception.expires_at)
    assert exception.in_force(now())
    assert exception.used_at == campaign.started_at


def test_an_edit_that_does_not_touch_it_keeps_it(case: Case) -> None:
    campaign = case.draft()
    ends = exception_of(campaign).ends_at.replace(second=0, microsecond=0)
    content = world.content(case.account, version=campaign.audience_version, exception_reason=DANGER, exception_expires_at=ends)
    edited = workflow.edit(campaign, content, seen_at=campaign.updated_at, by=case.author)
    assert edited.exception_id == campaign.exception_id


def test_other_words_are_another_exception(case: Case) -> None:
    campaign = case.draft()
    content = world.content(
        case.account, version=None, exception_reason=f"{DANGER} Now.", exception_expires_at=now() + timedelta(hours=2)
    )
    assert workflow.edit(campaign, content, seen_at=campaign.updated_at, by=case.author).exception_id != campaign.exception_id


def test_a_second_message_in_the_same_words_rests_on_the_one_in_force(case: Case) -> None:
    first = case.sending()
    second = case.submitted(exception_expires_at=exception_of(first).ends_at)
    assert second.exception_id == first.exception_id
    world.approve(second, case.vera)
    assert ExceptionTerm.objects.count() == 1


def resting_on_what_she_wrote(case: Case, chief: User) -> Campaign:
    """A submitted message of a colleague that rests on the exception of this person, and on nothing else of hers."""
    campaign = case.draft()
    content = world.content(
        case.account, version=campaign.audience_version,
        exception_reason=f"{DANGER} Now.", exception_expires_at=now() + timedelta(hours=2),
    )  # fmt: skip
    workflow.edit(campaign, content, seen_at=campaign.updated_at, by=chief)
    first = world.approve(workflow.submit(campaign, by=case.author), case.boris)
    other = case.submitted(exception_reason=f"{DANGER} Now.", exception_expires_at=exception_of(first).ends_at)
    assert other.exception_id == first.exception_id
    return other


def test_whoever_wrote_the_exception_approves_no_message_that_rests_on_it(case: Case) -> None:
    chief = world.person("olga", "supervisor")
    other = resting_on_what_she_wrote(case, chief)
    with pytest.raises(Refused, match="another person"):
        world.approve(other, chief)
    assert sql(
        "SELECT messaging_may_approve(%s, %s), messaging_may_approve(%s, %s)", chief.pk, other.pk, case.vera.pk, other.pk
    ) == [(False, True)]


def test_whoever_wrote_the_exception_is_not_asked_to_approve_what_rests_on_it(case: Case) -> None:
    chief = world.person("olga", "supervisor")
    other = resting_on_what_she_wrote(case, chief)
    assert [item["text"] for item in waiting.found(chief)] == [f"Waits for another person: {other.headline}"]
    assert [item["text"] for item in waiting.found(case.vera)] == ["1 campaign waits for your approval"]


def test_the_situation_offers_its_author_no_decision_on_what_rests_on_the_exception(case: Case) -> None:
    chief = world.person("olga", "supervisor")
    decision = reverse("campaign_decision", args=[resting_on_what_she_wrote(case, chief).pk])
    pages = [visits.page(reader, "situation") for reader in (chief, case.vera)]
    assert [decision in page for page in pages] == [False, True]


@pytest.mark.parametrize("hours", [0, 73])
def test_it_is_renewed_for_one_to_72_hours(case: Case, hours: int) -> None:
    exception = exception_of(case.sending())
    with expect_refusal("1 to 72 hours"):
        workflow.renew_exception(exception, hours, "The danger goes on as it was.", by=case.vera)


def test_another_approver_renews_it(case: Case) -> None:
    exception = exception_of(case.sending())
    workflow.renew_exception(exception, 72, "The danger goes on as it was.", by=case.vera)
    assert exception.ends_at > exception.expires_at
    assert exception.ends_at <= now() + timedelta(hours=72)


def test_whoever_granted_it_last_does_not_renew_it(case: Case) -> None:
    exception = exception_of(case.sending())
    with expect_refusal("another supervisor has to renew it"):
        workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=case.boris)
    workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=case.vera)
    with expect_refusal("another supervisor has to renew it"):
        workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=case.vera)


def test_it_is_not_renewed_without_a_sentence_nor_before_it_was_granted(case: Case) -> None:
    used_one = exception_of(case.sending())
    with expect_refusal("why the danger still holds"):
        workflow.renew_exception(used_one, 24, "so", by=case.vera)
    unused = exception_of(case.draft(exception_reason=f"{DANGER} Now."))
    with expect_refusal("Nobody has granted"):
        workflow.renew_exception(unused, 24, "The danger goes on as it was.", by=case.vera)


@pytest.mark.parametrize("change", [{"severity": "Moderate"}, {"status": "closed"}])
def test_it_ends_when_the_incident_is_closed_or_rated_lower(case: Case, change: dict[str, str]) -> None:
    exception = exception_of(case.sending())
    Incident.objects.filter(pk=case.incident.pk).update(**change)
    with expect_refusal("no exception any more"):
        workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=case.vera)


def test_revoking_stops_what_is_under_way_and_holds_what_waits(case: Case) -> None:
    sending = case.sending()
    exception = exception_of(sending)
    later = case.submitted(exception_expires_at=exception.ends_at, starts_at=now() + timedelta(hours=1))
    world.approve(later, case.vera)
    assert workflow.revoke_exception(exception, "The airport is safe", by=case.author) == 1
    assert Campaign.objects.get(pk=sending.pk).status == Status.STOPPED
    assert Order.objects.get().status == "cancelled"
    with pytest.raises(delivery.Held, match="exception this rests on is over"), transaction.atomic():
        delivery.start(Campaign.objects.get(pk=later.pk), later.reach or {}, by=None)
    assert workflow.revoke_exception(exception, "again", by=case.boris) == 0


def test_a_revoked_exception_is_not_used_again(case: Case) -> None:
    exception = exception_of(case.sending())
    workflow.revoke_exception(exception, "The airport is safe", by=case.author)
    draft = case.draft(exception_expires_at=exception.ends_at)
    assert draft.exception_id != exception.pk
    with expect_refusal("was revoked"):
        workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=case.vera)


def test_an_auditor_may_not_revoke_nor_an_operator_renew(case: Case) -> None:
    exception, dina, olga = exception_of(case.sending()), world.person("dina", "auditor"), world.person("olga", "operator")
    with expect_refusal("Your role"):
        workflow.revoke_exception(exception, "because", by=dina)
    with expect_refusal("Your role"):
        workflow.renew_exception(exception, 24, "The danger goes on as it was.", by=olga)


def test_an_order_is_not_asked_for_once_the_exception_is_over(case: Case) -> None:
    case.sending()
    Incident.objects.filter(pk=case.incident.pk).update(severity="Minor")
    order, nobody = Order.objects.get(), cast("DelegatedChannel", None)
    held = Claim(order.batch_id, 1, 1, None, [], 1, 1, 1, False, 0.0, Status.SENDING, None, 0, "", "ru", False)
    with asyncio.Runner() as runner:
        orders.work(nobody, held, runner)
    order.refresh_from_db()
    assert (order.status, order.reason, order.asked_at) == (Order.Status.CANCELLED, "exception_over", None)


FORBIDDEN = {
    "its words": "UPDATE messaging_reachexception SET reason = 'Other words'",
    "its end": "UPDATE messaging_reachexception SET expires_at = expires_at + interval '1 day'",
    "its incident": "UPDATE messaging_reachexception SET incident_id = 0",
    "its writer": "UPDATE messaging_reachexception SET written_by_id = %(vera)s",
    "a revocation taken back": "UPDATE messaging_reachexception SET revoked_at = NULL",
    "a first use forgotten": "UPDATE messaging_reachexception SET used_at = NULL",
    "a row removed": "DELETE FROM messaging_reachexception",
    "a longer term": "UPDATE messaging_exceptionterm SET until = until + interval '1 day'",
    "a term removed": "DELETE FROM messaging_exceptionterm",
    "a term by its last approver": "INSERT INTO messaging_exceptionterm (exception_id, by_id, until, reason)"
    " SELECT exception_id, by_id, until, '' FROM messaging_exceptionterm",
    "a term in another name": "INSERT INTO messaging_exceptionterm (exception_id, by_id, until, reason)"
    " SELECT exception_id, %(vera)s, until, '' FROM messaging_exceptionterm",
    "revoked in another name": "UPDATE messaging_reachexception SET revoked_at = now(), revoked_by_id = %(vera)s",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_database_keeps_it_too(case: Case, statement: str) -> None:
    exception = exception_of(case.sending())
    if "revoked_at = NULL" in statement:
        workflow.revoke_exception(exception, "The airport is safe", by=case.author)
    with pytest.raises(DatabaseError), workflow.acting(case.boris):
        _run(statement, case.vera)


def _run(statement: str, vera: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"vera": vera.pk})


@pytest.mark.parametrize(("who", "hours"), [("vera", 73), ("vera", -1), ("anna", 5), ("gleb", 5)])
def test_a_term_is_granted_by_another_supervisor_for_at_most_72_hours(case: Case, who: str, hours: int) -> None:
    exception = exception_of(case.sending())
    world.person("gleb", "admin")
    person = User.objects.get(username=who)
    with pytest.raises(IntegrityError), workflow.acting(person):
        ExceptionTerm.objects.create(exception=exception, by=person, until=now() + timedelta(hours=hours))


def test_no_term_is_granted_for_an_incident_that_was_rated_lower(case: Case) -> None:
    exception = exception_of(case.sending())
    Incident.objects.filter(pk=case.incident.pk).update(severity="Moderate")
    with pytest.raises(IntegrityError, match="serious harm"), workflow.acting(case.vera):
        ExceptionTerm.objects.create(exception=exception, by=case.vera, until=now() + timedelta(hours=5))


def test_a_message_rests_on_no_exception_of_another_incident(case: Case) -> None:
    other = case.draft(incident=world.incident(case.author))
    campaign = case.draft()
    with pytest.raises(IntegrityError, match="its own incident"), workflow.acting(case.author):
        sql("UPDATE messaging_campaign SET exception_id = %s WHERE id = %s", other.exception_id, campaign.pk)


@pytest.mark.parametrize("severity", ["Moderate", "Minor"])
def test_nothing_begins_by_sql_under_an_exception_that_is_over(case: Case, severity: str) -> None:
    campaign = case.sending()
    workflow.pause(campaign, by=case.author)
    Incident.objects.filter(pk=case.incident.pk).update(severity=severity)
    with expect_refusal("The exception this rests on is over"):
        workflow.resume(campaign, by=case.boris)
    with pytest.raises(IntegrityError, match="not in force"), transaction.atomic():
        sql("UPDATE messaging_campaign SET status = 'sending' WHERE id = %s", campaign.pk)


def test_the_register_is_open_to_everybody_and_tells_no_more_than_it_must(case: Case) -> None:
    case.sending()
    Order.objects.update(sent=12_345)
    page = Client().get("/register/?lang=en").content.decode()
    assert (DANGER in page.replace("&#x27;", "'"), "about 12,300 people" in page, "Egypt" in page) == (True, True, True)
    assert f"{now().astimezone().year}" in page
    assert [name for name in ("anna", "Boris", "12,345", "12345") if name in page] == []
    assert "Египет" in Client().get("/register/").content.decode()


def test_the_register_holds_it_as_soon_as_sending_begins_and_not_before(case: Case) -> None:
    campaign = case.submitted()
    assert not used().exists()
    world.approve(campaign, case.boris)
    assert [(entry.countries, entry.people, entry.revoked) for entry in entries(used())] == [("Egypt", "not told yet", False)]


def test_no_drill_stands_in_the_register(case: Case) -> None:
    drill = world.incident(case.author, drill=True)
    campaign = case.sending(incident=drill, account=world.account("vk-geo", drill=True))
    assert exception_of(campaign).used_at
    assert not used().exists()


@pytest.mark.parametrize(("told", "words"), [
    ([None], "not told yet"), ([0], "fewer than 100 people"), ([99], "fewer than 100 people"), ([100], "about 100 people"),
    ([90, 160], "at least 100, at most 300 people"), ([50, 99], "at most 200 people"),
    ([20_049, None], "about 20,000 people"),
])  # fmt: skip
def test_numbers_in_the_register_are_rounded_to_hundreds(told: list[int | None], words: str) -> None:
    assert rounded(Order(sent=people) for people in told) == words


def test_auditors_are_told_at_once_until_one_has_taken_note(case: Case) -> None:
    dina = world.person("dina", "auditor")
    assert waiting.found(dina) == []
    exception = exception_of(case.sending())
    assert [item["text"] for item in waiting.found(dina)] == ["Exception in use: Flights suspended"]
    visits.post(dina, "exception_note", exception.pk)
    assert waiting.found(dina) == []
    told = [*AuditEntry.objects.filter(object_type="messaging.reachexception").order_by("id").values_list("action", flat=True)]
    assert told == ["exception.grant", "exception.use", "exception.note"]


def test_its_page_offers_each_person_what_they_may_do(case: Case) -> None:
    exception = exception_of(case.sending())
    pages = {user: visits.page(user, "exception_detail", exception.pk) for user in (case.author, case.boris, case.vera)}
    assert ["Renew the exception" in page for page in pages.values()] == [False, False, True]
    assert ["Revoke the exception" in page for page in pages.values()] == [True, True, True]


def test_it_is_renewed_and_revoked_on_its_pages(case: Case) -> None:
    exception = exception_of(case.sending())
    answer = visits.post(case.vera, "exception_renew", exception.pk, hours=12, reason="The danger goes on as it was.")
    assert "The exception was renewed." in answer.content.decode()
    assert visits.post(case.vera, "exception_renew", exception.pk, hours=99, reason="").status_code == 422
    answer = visits.post(case.author, "exception_revoke", exception.pk, reason="The airport is safe")
    assert "Revoked. 1 sending was stopped." in answer.content.decode()


def test_the_approver_sees_narrower_choices_with_their_numbers(case: Case) -> None:
    world.contacts([1, 2, 3])
    world.contacts([4, 5], at=now() - timedelta(hours=200))
    world.account()
    content = world.content(
        *Account.objects.all(), version=world.audience(case.author, mode="was_there"),
        exception_reason=DANGER, exception_expires_at=now() + timedelta(hours=5),
    )  # fmt: skip
    campaign = workflow.submit(workflow.draft(case.incident, content, by=case.author), by=case.author)
    page = " ".join(visits.page(case.boris, "campaign_decision", campaign.pk).split())
    assert "Narrower: seen in the last 72 hours, 3 people." in page


def test_the_approver_sees_how_many_are_in_each_country_alone() -> None:
    author, chief = world.person("olga", "operator"), world.person("pavel", "supervisor")
    world.contacts([1, 2, 3])
    world.contacts([4, 5], country="TR")
    version = world.audience(author, countries=("EG", "TR"))
    incident = world.incident(author, countries=("EG", "TR"))
    campaign = workflow.submit(workflow.draft(incident, world.content(world.account(), version=version), by=author), by=author)
    page = " ".join(visits.page(chief, "campaign_decision", campaign.pk).split())
    assert ("Narrower: only Egypt, 3 people." in page, "Narrower: only Türkiye, 2 people." in page) == (True, True)


def test_a_closed_incident_has_no_exception_in_force(case: Case) -> None:
    exception = exception_of(case.sending())
    incidents.move(case.incident, "closed", by=case.author)
    assert not ReachException.objects.get(pk=exception.pk).in_force(now())
