"""The pages on which a campaign is written and decided: what each shows and refuses, and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from crisis import incidents
from crisis.clock import now
from crisis.models import User
from messaging import workflow
from messaging.forms.campaigns import initial_of
from messaging.models import Approval, Campaign, Status
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


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    """What the browser posts from an untouched draft form, with some fields changed."""
    values = {name: value for name, value in initial_of(campaign).items() if value not in (None, "")}
    values |= {"seen_at": campaign.updated_at.isoformat(timespec="microseconds"), "go": "save"}
    local = {name: f"{value:%Y-%m-%dT%H:%M}" for name, value in values.items() if hasattr(value, "hour")}
    return {**values, **local, **changes}


def decision(desk: Desk, campaign: Campaign) -> dict[str, str]:
    """What the approver's page would post, ticked."""
    return {"seen": desk.at_chief.get(url(campaign, "decision/")).context["seen"], "understood": "1"}


def test_the_list_filters_by_the_url_and_counts(desk: Desk) -> None:
    desk.draft()
    assert "1 campaign" in desk.at_author.get("/campaigns/?status=draft").content.decode()
    assert "No campaign passes" in desk.at_author.get("/campaigns/?status=sent").content.decode()


@pytest.mark.parametrize("query", ["status=nonsense", "incident=abc", "incident=99999999999999999999", "drill=%00", "page=abc"])
def test_a_filter_that_cannot_be_read_filters_nothing(desk: Desk, query: str) -> None:
    desk.draft()
    assert "1 campaign" in desk.at_author.get(f"/campaigns/?{query}").content.decode()


def test_an_empty_list_offers_one_action(desk: Desk) -> None:
    assert "Open the incidents" in desk.at_author.get("/campaigns/").content.decode()


@pytest.mark.parametrize(
    "page",
    ["", "draft/", "preview/", "decision/", "live/", "progress/", "stop/", "replies/", "report/", "report.csv", "report.json"],
)
def test_an_unknown_campaign_is_not_found(desk: Desk, page: str) -> None:
    assert desk.at_author.get(f"/campaigns/987654321/{page}").status_code == 404


def test_the_door_opens_the_page_of_the_status(desk: Desk) -> None:
    draft, submitted = desk.draft(), desk.submitted()
    assert desk.at_author.get(url(draft, "")).url.endswith("/draft/")
    assert desk.at_author.get(url(submitted, "")).url.endswith("/preview/")
    assert desk.at_chief.get(url(submitted, "")).url.endswith("/decision/")
    sending = desk.sending()
    assert desk.at_author.get(url(sending, "")).url.endswith("/live/")
    workflow.stop(sending, by=desk.author)
    assert desk.at_author.get(url(sending, "")).url.endswith("/report/")


def new(desk: Desk, query: str = "") -> str:
    return f"/incidents/{desk.incident.pk}/campaigns/new/{query}"


def test_a_new_message_offers_the_templates_and_a_blank(desk: Desk) -> None:
    page = desk.at_author.get(new(desk)).content.decode()
    assert "template=holding" in page
    assert "template=blank" in page
    assert "template=drill" not in page


def test_a_holding_message_is_filled_from_the_incident(desk: Desk) -> None:
    form = desk.at_author.get(new(desk, "?template=holding")).context["form"]
    assert form["headline_en"].value() == "Russian Foreign Ministry. Flights suspended"
    assert "citizens of Russia who are in: Egypt" in form["body_en"].value()
    assert form["accounts"].value() == [desk.account.pk]
    assert form["countries"].value() == ["EG"]


def test_a_holding_message_goes_from_template_to_submitted_in_two_posts(desk: Desk) -> None:
    form = desk.at_author.get(new(desk, "?template=holding")).context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value()}
    values["not_after"] = f"{values['not_after']:%Y-%m-%dT%H:%M}"
    values["exception_expires_at"] = ""
    answer = desk.at_author.post(new(desk), {**values, "go": "preview"})
    campaign = Campaign.objects.get()
    assert answer.url == url(campaign, "preview/")
    desk.at_author.post(url(campaign, "submit/"))
    assert Campaign.objects.get().status == Status.SUBMITTED


def test_the_latest_audience_of_the_incident_is_chosen_beforehand(desk: Desk) -> None:
    version = world.audience(desk.author)
    version.audience.incident = desk.incident
    version.audience.save()
    assert desk.at_author.get(new(desk, "?template=blank")).context["form"]["audience"].value() == str(version.pk)


def test_an_update_follows_the_message_named_in_the_url(desk: Desk) -> None:
    earlier = desk.sending()
    form = desk.at_author.get(new(desk, f"?template=update&refers_to={earlier.pk}")).context["form"]
    assert form["kind"].value() == "update"
    assert form["refers_to"].value() == earlier.pk


def test_each_way_to_begin_a_message_keeps_its_own_draft_in_the_browser(desk: Desk) -> None:
    begun = ["?template=holding", "?template=update", "?template=blank", f"?template=update&refers_to={desk.sending().pk}"]
    keys = [desk.at_author.get(new(desk, query)).content.decode().partition('data-keep="')[2].split('"')[0] for query in begun]
    assert all(key.startswith(f"campaign-new-{desk.incident.pk}-") for key in keys)
    assert len(set(keys)) == 4


def test_a_refused_new_message_keeps_its_draft_under_the_template_chosen(desk: Desk) -> None:
    answer = desk.at_author.post(new(desk, "?template=blank"), {"kind": "nonsense", "go": "save"})
    assert (answer.status_code, answer.context["keep"]) == (422, f"campaign-new-{desk.incident.pk}-blank-")


@pytest.mark.parametrize("query", ["?template=nonsense", "?refers_to=abc", "?refers_to=99999", "?refers_to=%E0%A5%A7"])
def test_an_unknown_beginning_is_not_found(desk: Desk, query: str) -> None:
    assert desk.at_author.get(new(desk, query)).status_code == 404


def test_a_draft_is_saved_and_previewed_by_the_same_form(desk: Desk) -> None:
    campaign = desk.draft()
    answer = desk.at_author.post(url(campaign, "draft/"), typed(campaign, headline_en="Changed", go="preview"))
    assert answer.url == url(campaign, "preview/")
    assert campaign.texts.get(language="en").headline == "Changed"


def test_a_colleagues_change_is_shown_and_everything_typed_is_kept(desk: Desk) -> None:
    campaign = desk.draft()
    stale = typed(campaign, headline_en="Mine")
    desk.at_author.post(url(campaign, "draft/"), typed(campaign, headline_en="Theirs"))
    answer = desk.at_author.post(url(campaign, "draft/"), stale)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "A colleague has changed this draft" in page
    assert 'value="Mine"' in page
    assert "Theirs" in page
    assert campaign.texts.get(language="en").headline == "Theirs"


def test_after_comparing_the_same_form_can_be_saved(desk: Desk) -> None:
    campaign = desk.draft()
    stale = typed(campaign, headline_en="Mine")
    desk.at_author.post(url(campaign, "draft/"), typed(campaign, headline_en="Theirs"))
    shown = desk.at_author.post(url(campaign, "draft/"), stale).context["seen_at"]
    assert desk.at_author.post(url(campaign, "draft/"), {**stale, "seen_at": shown}).status_code == 302
    assert campaign.texts.get(language="en").headline == "Mine"


BAD = {
    "no version": {"seen_at": ""},
    "odd version": {"seen_at": "yesterday"},
    "naive version": {"seen_at": "2015-11-08T12:00:00"},
    "kind": {"kind": "rumour"},
    "no kind": {"kind": ""},
    "nul": {"headline_ru": "a\x00b"},
    "headline": {"headline_ru": "a" * 161},
    "text": {"body_en": "a" * 20_001},
    "link": {"link": "javascript:alert(1)"},
    "long link": {"link": "https://example.org/" + "a" * 200},
    "account": {"accounts": ["abc"]},
    "other account": {"accounts": ["99999999999999999999"]},
    "audience": {"audience": "99999"},
    "no country": {"audience": "new", "countries": []},
    "other country": {"audience": "new", "countries": ["FR"]},
    "hours": {"audience": "new", "hours": "ten"},
    "no hours": {"audience": "new", "hours": ""},
    "many hours": {"audience": "new", "hours": "2161"},
    "mode": {"audience": "new", "mode": "everybody"},
    "no mode": {"audience": "new", "mode": ""},
    "no instant": {"audience": "new", "until_now": "instant", "until": ""},
    "instant": {"audience": "new", "until_now": "instant", "until": "soon"},
    "follows": {"refers_to": "99999"},
    "time": {"not_after": "tomorrow"},
    "first year": {"not_after": "0001-01-01T00:00"},
    "last year": {"starts_at": "9999-12-31T23:59"},
    "no end of the exception": {"exception_reason": "War", "exception_expires_at": ""},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(desk: Desk, changes: dict[str, Any]) -> None:
    campaign = desk.draft()
    before = Campaign.objects.filter(pk=campaign.pk).values().get()
    answer = desk.at_author.post(url(campaign, "draft/"), typed(campaign, **changes))
    assert answer.status_code in (409, 422)
    assert "What you typed is kept below" in answer.content.decode()
    assert Campaign.objects.filter(pk=campaign.pk).values().get() == before


def test_an_audience_described_in_the_draft_is_saved_once(desk: Desk) -> None:
    campaign = desk.draft()
    described = {
        "audience": "new",
        "countries": ["EG"],
        "hours": "72",
        "until_now": "now",
        "mode": "was_there",
        "permitted": "yes",
    }
    desk.at_author.post(url(campaign, "draft/"), typed(campaign, **described))
    first = Campaign.objects.get(pk=campaign.pk)
    desk.at_author.post(url(campaign, "draft/"), typed(first, **described))
    again = Campaign.objects.get(pk=campaign.pk)
    assert again.audience_version_id == first.audience_version_id != campaign.audience_version_id
    assert [leaf["op"] for leaf in again.audience_version.criteria["of"]] == ["seen", "permitted"]


def test_counting_saves_nothing(desk: Desk) -> None:
    campaign = desk.draft()
    before = world.counts()
    answer = desk.at_author.post(url(campaign, "draft/"), typed(campaign, go="count"), headers={"HX-Request": "true"})
    assert "5 people can be written to" in answer.content.decode()
    assert world.counts() == before


def test_a_paused_account_is_marked(desk: Desk) -> None:
    campaign = desk.draft()
    desk.account.paused_at, desk.account.paused_reason = now(), "token lost"
    desk.account.save()
    assert "paused: token lost" in desk.at_author.get(url(campaign, "draft/")).content.decode()


def test_the_preview_names_every_problem_with_a_link_to_its_section(desk: Desk) -> None:
    campaign = desk.draft(not_after=None)
    page = desk.at_author.get(url(campaign, "preview/")).content.decode()
    assert '<a href="#id_not_after">' in page
    assert f"{url(campaign, 'draft/')}#id_times" in page
    assert "Submit for approval" not in page


def test_the_preview_shows_the_words_the_reach_and_who_can_approve(desk: Desk) -> None:
    page = desk.at_author.get(url(desk.draft(), "preview/")).content.decode()
    assert "A text in English." in page
    assert "5 people" in page
    assert "Boris" in page
    assert "Submit for approval" in page


def test_a_submit_that_is_refused_says_why(desk: Desk) -> None:
    campaign = desk.draft(not_after=None)
    answer = desk.at_author.post(url(campaign, "submit/"))
    assert answer.status_code == 409
    assert "Say until when the campaign is valid" in answer.content.decode()


def test_after_submit_the_author_can_withdraw(desk: Desk) -> None:
    campaign = desk.submitted()
    assert "Withdraw it to edit" in desk.at_author.get(url(campaign, "preview/")).content.decode()
    desk.at_author.post(url(campaign, "withdraw/"))
    assert Campaign.objects.get(pk=campaign.pk).status == Status.DRAFT


def test_a_draft_is_discarded_with_a_reason_only(desk: Desk) -> None:
    campaign = desk.draft()
    assert desk.at_author.post(url(campaign, "discard/"), {"reason": " "}).status_code == 422
    desk.at_author.post(url(campaign, "discard/"), {"reason": "not needed"})
    assert Campaign.objects.get(pk=campaign.pk).status == Status.REJECTED


def test_the_decision_is_a_sentence_and_a_button_with_number_and_place(desk: Desk) -> None:
    page = desk.at_chief.get(url(desk.submitted(), "decision/")).content.decode()
    assert "Anna wants to send an official message (alert) to 5 people: Egypt" in page
    assert "Send now to 5 people in Egypt" in page
    assert "I understand that 5 people will get this" in page


def test_an_author_reads_why_another_person_decides(desk: Desk) -> None:
    page = desk.at_author.get(url(desk.submitted(), "decision/")).content.decode()
    assert "You wrote part of this" in page
    assert "Send now" not in page


def test_a_supervisor_who_wrote_part_of_it_has_no_button(desk: Desk, client_of: Browser) -> None:
    campaign = desk.draft()
    both = world.person("vera", "supervisor")
    workflow.edit(
        campaign, world.content(desk.account, version=campaign.audience_version), seen_at=campaign.updated_at, by=both
    )
    campaign = workflow.submit(Campaign.objects.get(pk=campaign.pk), by=desk.author)
    assert "You wrote part of this" in client_of(both).get(url(campaign, "decision/")).content.decode()


def test_approving_starts_the_sending(desk: Desk) -> None:
    campaign = desk.submitted()
    answer = desk.at_chief.post(url(campaign, "approve/"), decision(desk, campaign))
    assert answer.url == url(campaign, "live/")
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


def test_a_double_click_approves_once_and_says_so(desk: Desk) -> None:
    campaign = desk.submitted()
    values = decision(desk, campaign)
    desk.at_chief.post(url(campaign, "approve/"), values)
    answer = desk.at_chief.post(url(campaign, "approve/"), values)
    assert answer.status_code == 409
    assert "nothing was done twice" in answer.content.decode()
    assert Approval.objects.count() == 1


@pytest.mark.parametrize("seen", ["", "nonsense", "a:b:c"])
def test_an_approval_of_something_never_shown_has_no_effect(desk: Desk, seen: str) -> None:
    campaign = desk.submitted()
    answer = desk.at_chief.post(url(campaign, "approve/"), {"seen": seen, "understood": "1"})
    assert answer.status_code == 409
    assert "Nothing was sent" in answer.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SUBMITTED


def test_what_another_message_showed_approves_nothing(desk: Desk) -> None:
    other, campaign = desk.submitted(), desk.submitted()
    answer = desk.at_chief.post(url(campaign, "approve/"), decision(desk, other))
    assert "You had read another message" in answer.content.decode()
    assert not Approval.objects.exists()


def test_a_stale_page_approves_nothing(desk: Desk) -> None:
    campaign = desk.submitted()
    values = decision(desk, campaign)
    workflow.withdraw(campaign, by=desk.author)
    workflow.submit(campaign, by=desk.author)
    answer = desk.at_chief.post(url(campaign, "approve/"), values)
    assert "changed after you opened it" in answer.content.decode()
    assert not Approval.objects.exists()


def test_without_the_tick_nothing_is_sent(desk: Desk) -> None:
    campaign = desk.submitted()
    answer = desk.at_chief.post(url(campaign, "approve/"), {**decision(desk, campaign), "understood": ""})
    assert answer.status_code == 422
    assert "Tick the box" in answer.content.decode()
    assert not Approval.objects.exists()


def test_an_operator_cannot_post_an_approval(desk: Desk) -> None:
    campaign = desk.submitted()
    assert desk.at_author.post(url(campaign, "approve/"), decision(desk, campaign)).status_code == 403
    assert not Approval.objects.exists()


def test_a_later_start_is_said_on_the_button(desk: Desk) -> None:
    campaign = desk.submitted(starts_at=now() + timedelta(hours=1))
    assert "Approve: sending starts at " in desk.at_chief.get(url(campaign, "decision/")).content.decode()


@pytest.mark.parametrize(("page", "status"), [("send-back/", Status.DRAFT), ("reject/", Status.REJECTED)])
def test_returning_and_rejecting_need_a_reason(desk: Desk, page: str, status: Status) -> None:
    campaign = desk.submitted()
    assert desk.at_chief.post(url(campaign, page), {"reason": ""}).status_code == 422
    assert desk.at_chief.post(url(campaign, page), {"reason": "x" * 501}).status_code == 422
    desk.at_chief.post(url(campaign, page), {"reason": "The date is wrong"})
    assert Campaign.objects.get(pk=campaign.pk).status == status


def test_a_drills_button_says_so(desk: Desk) -> None:
    campaign = world.submitted(desk.author, world.account(drill=True), drill=True)
    page = desk.at_chief.get(url(campaign, "decision/")).content.decode()
    assert "Play drill: nobody real is reached" in page
    assert "Send now" not in page


def test_nothing_new_is_begun_about_a_closed_incident(desk: Desk) -> None:
    incidents.move(desk.incident, "closed", by=desk.author)
    answer = desk.at_author.get(new(desk))
    assert answer.status_code == 409
    assert "Declare a new one" in answer.content.decode()


def test_submitting_twice_says_that_nothing_was_done_twice(desk: Desk) -> None:
    campaign = desk.submitted()
    answer = desk.at_author.post(url(campaign, "submit/"))
    assert answer.status_code == 409
    assert "nothing was done twice" in answer.content.decode()
