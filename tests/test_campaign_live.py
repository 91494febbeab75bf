"""The pages of a campaign that is or was sent: live, stop, replies, report and its exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta

import pytest
from django.test import Client

from crisis.clock import now
from crisis.models import AuditEntry, User
from messaging import workflow
from messaging.models import Batch, Campaign, Delivery, ReachException, Receipt, Reply, Status
from messaging.views import reports
from messaging.views.reports import safe
from tests import world
from tests.desk import Desk, url

pytestmark = pytest.mark.django_db
Browser = Callable[[User], Client]


@pytest.fixture(scope="module")
def made(once: Callable[[type[Desk]], Desk]) -> Desk:
    return once(Desk)


@pytest.fixture
def desk(made: Desk) -> Desk:
    return deepcopy(made)


def test_the_live_page_sums_what_the_ledger_holds(desk: Desk) -> None:
    campaign = desk.sending()
    Batch.objects.filter(campaign=campaign).update(accepted=2, failed=1, uncertain=1, asked_at=now())
    page = desk.at_author.get(url(campaign, "live/")).content.decode()
    assert "2 of 5 people accepted by vk-direct" in page
    assert "Stop sending" in page


def test_the_moving_part_holds_no_form_and_no_button(desk: Desk) -> None:
    answer = desk.at_author.get(url(desk.sending(), "progress/"), headers={"HX-Request": "true"})
    assert "<form" not in answer.content.decode()
    assert "<button" not in answer.content.decode()
    assert "X-Poll" not in answer


def test_the_poll_ends_with_the_campaign(desk: Desk) -> None:
    campaign = desk.sending()
    workflow.stop(campaign, by=desk.author)
    answer = desk.at_author.get(url(campaign, "progress/"))
    assert answer["X-Poll"] == "over"
    assert url(campaign, "report/") in answer.content.decode()


def test_reasons_of_failure_say_what_to_do(desk: Desk) -> None:
    campaign = desk.sending()
    batch = Batch.objects.get(campaign=campaign)
    Delivery.objects.create(campaign=campaign, account=desk.account, batch=batch, contact=77, status="failed", reason="901")
    page = desk.at_author.get(url(campaign, "progress/")).content.decode()
    assert "have not allowed our messages, or took that back" in page
    assert "reach these people in another way" in page


def test_pause_and_resume_are_posts_for_those_who_may(desk: Desk) -> None:
    campaign = desk.sending()
    assert desk.at_author.get(url(campaign, "pause/")).status_code == 405
    desk.at_author.post(url(campaign, "pause/"))
    assert Campaign.objects.get(pk=campaign.pk).status == Status.PAUSED
    assert desk.at_author.post(url(campaign, "resume/")).status_code == 403
    desk.at_chief.post(url(campaign, "resume/"))
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_stop_asks_first_and_then_stops_for_good(desk: Desk) -> None:
    campaign = desk.sending()
    page = desk.at_author.get(url(campaign, "stop/")).content.decode()
    assert "would not get it any more 5" in page
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING
    answer = desk.at_author.post(url(campaign, "stop/"), follow=True)
    assert "will not get it 5" in answer.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).status == Status.STOPPED


def test_a_message_that_is_being_sent_is_not_said_to_be_unsent(desk: Desk) -> None:
    campaign = desk.submitted()
    values = {"seen": desk.at_chief.get(url(campaign, "decision/")).context["seen"], "understood": "1"}
    desk.at_chief.post(url(campaign, "approve/"), values)
    page = desk.at_chief.post(url(campaign, "approve/"), values).content.decode()
    assert "Nothing was changed." in page
    assert "This is already" in page
    assert "Nothing was sent" not in page
    assert f'<a href="{url(campaign, "")}">Open its page</a>' in page


def test_stopping_twice_is_harmless_and_a_draft_cannot_be_stopped(desk: Desk) -> None:
    campaign = desk.sending()
    desk.at_author.post(url(campaign, "stop/"))
    assert desk.at_author.post(url(campaign, "stop/")).status_code == 302
    assert desk.at_author.post(url(desk.draft(), "stop/")).status_code == 409


def test_somebody_logged_out_returns_to_the_same_stop(desk: Desk) -> None:
    stop = url(desk.sending(), "stop/")
    assert Client().post(stop).url == f"/login/?next={stop}"
    assert Client(enforce_csrf_checks=True).post(stop).url == f"/login/?next={stop}"


def test_a_stop_page_older_than_the_login_leads_to_a_fresh_one(desk: Desk) -> None:
    campaign = desk.sending()
    stop, browser = url(campaign, "stop/"), Client(enforce_csrf_checks=True)
    browser.force_login(desk.author)
    old = browser.get(stop).context["csrf_token"]
    del browser.cookies["csrftoken"]  # as a login replaces it
    answer = browser.post(stop, {"csrfmiddlewaretoken": str(old)}, follow=True)
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING
    assert answer.redirect_chain == [(stop, 302)]
    assert "Not stopped by this page: it was too old. Look, then press the button once more." in answer.content.decode()
    browser.post(stop, {"csrfmiddlewaretoken": str(answer.context["csrf_token"])})
    assert Campaign.objects.get(pk=campaign.pk).status == Status.STOPPED


def test_another_page_older_than_the_login_says_that_it_was_not_done(desk: Desk) -> None:
    campaign, browser = desk.sending(), Client(enforce_csrf_checks=True)
    browser.force_login(desk.author)
    answer = browser.post(url(campaign, "pause/"))
    assert answer.status_code == 403
    assert "What you asked for was not done." in answer.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def reply(desk: Desk, campaign: Campaign, text: str) -> Reply:
    receipt = Receipt.objects.create(account=desk.account, event_id=text, kind="reply", at=now())
    return Reply.objects.create(account=desk.account, receipt=receipt, campaign=campaign, text=text, key=1)


def test_replies_are_read_once_and_the_audit_keeps_no_words_of_theirs(desk: Desk) -> None:
    campaign = desk.sending()
    row = reply(desk, campaign, "<b>help</b>")
    assert "&lt;b&gt;help" in desk.at_author.get(url(campaign, "replies/")).content.decode()
    desk.at_author.post(url(campaign, f"replies/{row.pk}/read/"))
    desk.at_chief.post(url(campaign, f"replies/{row.pk}/read/"))
    row.refresh_from_db()
    assert row.read_by == desk.author
    assert [entry.data for entry in AuditEntry.objects.filter(action="reply.read")] == [{"campaign": campaign.pk}]


def test_a_reply_of_another_campaign_is_not_found(desk: Desk) -> None:
    row = reply(desk, desk.sending(), "hello")
    assert desk.at_author.post(url(desk.draft(), f"replies/{row.pk}/read/")).status_code == 404


def test_the_report_names_the_share_with_its_denominator(desk: Desk) -> None:
    campaign = desk.sending()
    desk.incident.estimate_people, desk.incident.estimate_source, desk.incident.estimate_at = 80, "Rosturizm", now().date()
    desk.incident.save()
    Batch.objects.filter(campaign=campaign).update(accepted=4, failed=1, status="done")
    workflow.stop(campaign, by=desk.author)
    page = desk.at_author.get(url(campaign, "report/")).content.decode()
    assert "Sent to 4 people. That is 5 % of about 80 nationals estimated there (Rosturizm, " in page
    assert 'delivered: </span><span class="quiet">not told</span>' in page


@pytest.mark.parametrize(("hours", "word"), [(1, "ends"), (-1, "ended")])
def test_the_report_says_whether_the_exception_is_over(
    desk: Desk, hours: int, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = desk.sending()
    campaign.exception = ReachException(
        pk=1, incident=desk.incident, reason="War", expires_at=now() + timedelta(hours=hours), written_by=desk.author
    )
    monkeypatch.setattr(reports, "find", lambda _pk, _by: campaign)
    assert f"The exception {word} " in desk.at_author.get(url(campaign, "report/")).content.decode()


@pytest.mark.parametrize("cell", ["=1+1", "+7", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_no_cell_of_the_csv_is_a_formula(cell: str) -> None:
    assert safe(cell).startswith("'")


def test_the_exports_hold_totals_and_no_person(desk: Desk) -> None:
    campaign = desk.sending()
    Batch.objects.filter(campaign=campaign).update(accepted=5, status="done")
    sheet = desk.at_author.get(url(campaign, "report.csv")).content.decode("utf-8")
    assert sheet.startswith("\ufeff")
    rows = [*csv.reader(io.StringIO(sheet[1:]))]
    assert ["vk-direct", "accepted", "5"] in rows
    told = desk.at_author.get(url(campaign, "report.json")).json()
    assert told["reached"] == {"at_least": 5, "at_most": 5, "basis": "accepted by platforms, or reported as sent"}
    assert "anna" not in sheet.lower()


def test_an_administrator_may_not_export(desk: Desk, client_of: Browser) -> None:
    campaign = desk.sending()
    admin = client_of(world.person("admin", "admin"))
    assert admin.get(url(campaign, "report/")).status_code == 200
    assert admin.get(url(campaign, "report.csv")).status_code == 403


def test_a_paused_account_says_so_and_leads_to_its_page(desk: Desk) -> None:
    campaign = desk.sending()
    desk.account.paused_at, desk.account.paused_reason = now(), "5"
    desk.account.save()
    page = desk.at_author.get(url(campaign, "progress/")).content.decode()
    assert "The account is paused: The platform does not accept our token." in page
    assert f'href="/accounts/{desk.account.pk}/"' in page


def test_what_was_typed_into_a_draft_that_somebody_submitted_stays_on_the_screen(desk: Desk) -> None:
    campaign = desk.submitted()
    answer = desk.at_author.post(url(campaign, "draft/"), {"body_ru": "Набранные слова", "go": "save"})
    page = answer.content.decode()
    assert (answer.status_code, "Набранные слова" in page, "no draft any more" in page) == (409, True, True)
