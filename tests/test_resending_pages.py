"""“14 people may or may not have got it”: the panel, both decisions on pages of their own, where open questions stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from crisis.clock import now
from crisis.models import User
from messaging import changes, delivery, workflow
from messaging.models import Batch, Campaign, Delivery, Status, WhenUncertain
from messaging.views.reports import report_of
from tests import world
from tests.desk import Desk, url
from tests.test_correcting_pages import read, typed

pytestmark = pytest.mark.django_db
TWO = "2 people may or may not have got it"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sent(desk: Desk, *, drill: bool = False, **changes: Any) -> Campaign:
    """Three of five people got it, of two nobody knows."""
    if drill:
        desk.incident, desk.account = world.incident(desk.author, drill=True), world.account(drill=True)
    campaign = world.approve(desk.submitted(**changes), desk.chief)
    batch = Batch.objects.get(campaign=campaign)
    for contact, status in zip(batch.people, ["accepted"] * 3 + ["uncertain"] * 2, strict=True):
        Delivery.objects.create(campaign=campaign, account=desk.account, batch=batch, contact=contact, status=status)
    Batch.objects.filter(pk=batch.pk).update(accepted=3, uncertain=2, status="done", asked_at=now())
    delivery.finish(campaign.pk)
    return Campaign.objects.get(pk=campaign.pk)


def test_the_report_says_who_is_uncertain_why_and_what_can_be_done(desk: Desk) -> None:
    campaign = sent(desk)
    page = read(desk.at_author, campaign, "report/")
    assert TWO in page
    assert "the platform did not answer in time" in page
    assert "Sent again, some may get it twice. Left as it is, some may never get it." in page
    assert (url(campaign, "resend/") in page, url(campaign, "leave/") in page) == (True, True)


def test_the_page_of_each_decision_says_what_will_happen_and_changes_nothing(desk: Desk) -> None:
    campaign = sent(desk)
    again, left = (read(desk.at_author, campaign, page) for page in ("resend/", "leave/"))
    assert (TWO in again, "Some of them may get it twice" in again, "Send again to 2 people in Egypt" in again) == (True,) * 3
    assert ("so nobody gets it twice" in left, "Leave it as it is" in left) == (True, True)
    assert (Batch.objects.count(), Batch.objects.undecided().count()) == (1, 1)


def test_send_again_leads_to_the_live_page_where_it_is_under_way(desk: Desk) -> None:
    campaign = sent(desk)
    answer = desk.at_author.post(url(campaign, "resend/"), follow=True)
    page = " ".join(answer.content.decode().split())
    assert answer.redirect_chain[-1][0] == url(campaign, "live/")
    assert "It is sent again to 2 people." in page
    assert "It is being sent to them again." in page
    assert ("Anna" in page, "sent again, 2 people" in page, url(campaign, "resend/") in page) == (True, True, False)


def test_left_as_it_is_it_can_still_be_sent_again_after_all(desk: Desk) -> None:
    campaign = sent(desk)
    desk.at_author.post(url(campaign, "leave/"))
    page = read(desk.at_chief, campaign, "report/")
    assert ("left as it is, 2 people" in page, url(campaign, "leave/") in page) == (True, False)
    assert "Send it to them again after all" in page


def test_a_second_press_is_told_that_it_was_decided(desk: Desk) -> None:
    campaign = sent(desk)
    desk.at_author.post(url(campaign, "resend/"))
    answer = desk.at_chief.post(url(campaign, "resend/"))
    assert (answer.status_code, "Nothing was done twice" in answer.content.decode()) == (409, True)
    assert Batch.objects.filter(resend_of__isnull=False).count() == 1


def test_whoever_sends_nothing_reads_it_rounded_and_without_buttons(desk: Desk, client_of: Callable[[User], Client]) -> None:
    campaign, auditor = sent(desk), client_of(world.person("dina", "auditor"))
    page = read(auditor, campaign, "report/")
    assert "fewer than 10 people may or may not have got it" in page
    assert (url(campaign, "resend/") in page, auditor.post(url(campaign, "resend/")).status_code) == (False, 403)


def test_what_was_stopped_is_not_offered_to_be_sent_again(desk: Desk) -> None:
    campaign = sent(desk)
    workflow.resend(campaign, by=desk.author)
    workflow.stop(campaign, by=desk.author)
    page = read(desk.at_author, campaign, "report/")
    assert (TWO in page, "being sent to them again" in page, url(campaign, "resend/") in page) == (True, False, False)


def test_where_it_was_approved_so_nobody_is_asked(desk: Desk) -> None:
    campaign = sent(desk, when_uncertain=WhenUncertain.RESEND)
    page = read(desk.at_author, campaign, "report/")
    assert "It is sent to them again within seconds, as it was approved." in page
    assert url(campaign, "leave/") not in page


@pytest.mark.parametrize("page", ["/", "/handover/"])
def test_an_open_question_stands_on_the_situation_and_at_the_handover(desk: Desk, page: str) -> None:
    campaign = sent(desk)
    question = f"{TWO.removeprefix('2 ')}: send it again, or leave it"
    assert question in desk.at_author.get(page).content.decode()
    workflow.leave(campaign, by=desk.author)
    assert question not in desk.at_author.get(page).content.decode()


def test_the_line_to_copy_counts_live_open_questions_only(desk: Desk) -> None:
    sent(desk, drill=True)
    assert "to be decided" not in desk.at_author.get("/handover/").context["line"]


def test_a_drill_is_played_again_in_words_of_its_own(desk: Desk) -> None:
    campaign = sent(desk, drill=True)
    page = read(desk.at_author, campaign, "report/")
    assert ("Play the drill again" in page, "Leave the drill as it is" in page, "Send again" in page) == (True, True, False)
    asked = read(desk.at_author, campaign, "resend/")
    assert "Play the drill again: nobody real is reached" in asked


def test_the_draft_asks_what_to_do_and_begins_with_what_is_usual(desk: Desk) -> None:
    desk.incident = world.incident(desk.author, severity="Extreme")
    page = desk.at_author.get(f"/incidents/{desk.incident.pk}/campaigns/new/?template=blank")
    assert page.context["form"]["when_uncertain"].value() == WhenUncertain.RESEND
    assert "If it stays unknown whether somebody got it" in page.content.decode()


def test_what_was_chosen_in_the_draft_is_kept_shown_and_told_as_a_change(desk: Desk) -> None:
    campaign = desk.submitted()
    workflow.send_back(campaign, "Ask again", by=desk.chief)
    page = desk.at_author.get(url(campaign, "draft/"))
    desk.at_author.post(url(campaign, "draft/"), typed(page, when_uncertain="resend", go="submit"))
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert (campaign.status, campaign.when_uncertain) == (Status.SUBMITTED, WhenUncertain.RESEND)
    for name in ("preview/", "decision/"):
        assert "send it to them again: some may get it twice" in read(desk.at_chief, campaign, name)
    found = changes.since_seen(campaign, desk.chief)
    assert found is not None
    assert ("leave it for us to decide", "send it to them again: some may get it twice") in {fact[1:] for fact in found.facts}


def test_the_report_says_how_many_were_sent_it_again(desk: Desk) -> None:
    campaign = sent(desk)
    workflow.resend(campaign, by=desk.author)
    again = Batch.objects.get(number=2)
    Batch.objects.filter(pk=again.pk).update(status="done", accepted=2)
    Batch.objects.filter(number=1).update(uncertain=0)
    report = report_of(campaign)
    assert report["when_uncertain"] == "hold"
    assert {name: report["ways"][0][name] for name in ("total", "accepted", "uncertain", "resent")} == {
        "total": 5, "accepted": 5, "uncertain": 0, "resent": 2,
    }  # fmt: skip
    page = read(desk.at_author, campaign, "report/")
    assert '<h2 id="uncertain-h">' in page
    assert ",2\n" in desk.at_author.get(url(campaign, "report.csv")).content.decode().replace("\r", "").split("sent again")[1]
