"""From the live page or the report to a submitted correction, update or end, and the same text to newcomers."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client

from crisis.clock import now
from messaging import delivery, workflow
from messaging.models import Batch, Campaign, Delivery, Kind, Part, Reached, Status
from tests import world
from tests.desk import Desk, url

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Desk]], Desk]) -> Desk:
    return once(Desk)


@pytest.fixture
def desk(made: Desk) -> Desk:
    return deepcopy(made)


def half_sent(desk: Desk) -> Campaign:
    """Two of five people have got it."""
    campaign = desk.sending()
    batch = Batch.objects.get(campaign=campaign)
    for contact in batch.people[:2]:
        Delivery.objects.create(campaign=campaign, account=desk.account, batch=batch, contact=contact, status="accepted")
    Batch.objects.filter(pk=batch.pk).update(accepted=2, asked_at=now())
    return campaign


def sent(desk: Desk) -> Campaign:
    campaign = half_sent(desk)
    Batch.objects.filter(campaign=campaign).update(status="done")
    delivery.finish(campaign.pk)
    return Campaign.objects.get(pk=campaign.pk)


def begun(desk: Desk, campaign: Campaign) -> Campaign:
    desk.at_author.post(url(campaign, "correct/"))
    return Campaign.objects.get(corrects=campaign)


def typed(page: Any, **changes: str) -> dict[str, Any]:
    """What the browser posts from the form of a page, with some fields changed."""
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    local = {name: f"{value:%Y-%m-%dT%H:%M}" for name, value in values.items() if hasattr(value, "hour")}
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return {**given, **local, "seen_at": page.context["seen_at"], **changes}


def put_right(desk: Desk, campaign: Campaign, **changes: str) -> Any:
    """The draft form, put right and submitted from where it stands."""
    page = desk.at_author.get(url(campaign, "draft/"))
    right = {"body_en": "The right text.", "body_ru": "Верный текст.", "go": "submit"}
    return desk.at_author.post(url(campaign, "draft/"), typed(page, **{**right, **changes}))


def read(client: Client, campaign: Campaign, page: str) -> str:
    return " ".join(client.get(url(campaign, page), follow=True).content.decode().split())


def test_the_live_page_leads_to_a_correction_an_update_and_an_end(desk: Desk) -> None:
    campaign = half_sent(desk)
    page = read(desk.at_author, campaign, "live/")
    assert url(campaign, "correct/") in page
    assert f"?template=update&amp;refers_to={campaign.pk}" in page
    assert f"?template=all-clear&amp;refers_to={campaign.pk}" in page


def test_the_first_page_says_what_will_happen_and_changes_nothing(desk: Desk) -> None:
    campaign = half_sent(desk)
    page = read(desk.at_author, campaign, "correct/")
    assert "Stops now. Of those written to one by one: already tried 2, not yet 3." in page
    assert "Stop sending to Egypt and correct it" in page
    assert Campaign.objects.get().status == Status.SENDING


def test_one_press_stops_it_and_opens_the_draft(desk: Desk) -> None:
    campaign = half_sent(desk)
    answer = desk.at_author.post(url(campaign, "correct/"), follow=True)
    draft = Campaign.objects.get(corrects=campaign)
    assert (Campaign.objects.get(pk=campaign.pk).status, answer.redirect_chain[-1][0]) == ("stopped", url(draft, "draft/"))
    page = answer.content.decode()
    assert "To those who got nothing yet" in page
    assert "To those who got the wrong one" in page
    assert "autofocus" in page


def test_it_is_submitted_straight_from_the_form(desk: Desk) -> None:
    draft = begun(desk, half_sent(desk))
    answer = put_right(desk, draft)
    draft.refresh_from_db()
    assert (answer.status_code, draft.status) == (302, Status.SUBMITTED)
    said = dict(draft.texts.filter(language="en").values_list("part", "body"))
    assert said["corrected"].endswith(said["main"])


def test_the_wrong_text_is_not_sent_as_its_own_correction(desk: Desk) -> None:
    draft = begun(desk, half_sent(desk))
    answer = put_right(desk, draft, **{f"body_{code}": said.body for code, said in world.WORDS.items()})
    assert (answer.status_code, Campaign.objects.get(pk=draft.pk).status) == (409, Status.DRAFT)
    assert "still the one that was found wrong" in answer.content.decode()


def test_a_language_of_the_wrong_one_is_not_left_without_its_correction(desk: Desk) -> None:
    empty = dict.fromkeys(("corrected_headline_en", "corrected_body_en", "corrected_instruction_en"), "")
    answer = put_right(desk, begun(desk, half_sent(desk)), **empty)
    assert "The wrong message was also written in this language: English" in answer.content.decode()


def test_a_way_by_which_it_went_out_is_not_left_out(desk: Desk) -> None:
    draft, other = begun(desk, half_sent(desk)), world.account("vk-geo")
    answer = put_right(desk, draft, accounts=str(other.pk))
    assert "The wrong message went out by vk-direct" in answer.content.decode()


def test_a_problem_says_to_whom_its_text_goes(desk: Desk) -> None:
    answer = put_right(desk, begun(desk, half_sent(desk)), corrected_body_en="[what]")
    assert "To those who got the wrong one: The text in English still has blanks" in answer.content.decode()


def test_a_colleague_opens_the_same_draft_and_is_told_whose_it_is(desk: Desk) -> None:
    campaign = half_sent(desk)
    begun(desk, campaign)
    page = desk.at_chief.post(url(campaign, "correct/"), follow=True).content.decode()
    assert "Anna has begun this correction already" in page
    assert Campaign.objects.filter(corrects=campaign).count() == 1


def test_what_was_never_sent_has_no_such_page(desk: Desk) -> None:
    assert desk.at_author.get(url(desk.submitted(), "correct/")).status_code == 409


def test_the_approver_reads_both_texts_with_both_numbers(desk: Desk) -> None:
    draft = begun(desk, half_sent(desk))
    put_right(desk, draft)
    page = read(desk.at_chief, draft, "decision/")
    assert "the correction to 2 who got the wrong one, the right text to 3 who did not" in page
    assert [page.count(whom) for whom in ("To those who got the wrong one", "To those who got nothing yet")] == [2, 2]
    assert "nobody told yet:" in page
    assert "wants to send an official message (correction)" in page


def test_the_report_keeps_the_clock_from_found_wrong_to_the_last_person_told(desk: Desk) -> None:
    wrong = half_sent(desk)
    draft = begun(desk, wrong)
    put_right(desk, draft)
    world.approve(draft, desk.chief)
    Batch.objects.filter(campaign=draft).update(status="done", asked_at=now(), accepted=2)
    delivery.finish(draft.pk)
    page = read(desk.at_author, draft, "report/")
    assert [words in page for words in ("found wrong", "first person told", "last person told", "told 2 of 2")] == [True] * 4
    assert url(draft, "") in read(desk.at_author, wrong, "report/")
    told = desk.at_author.get(url(draft, "report.json")).json()["correction"]
    assert (told["got"], told["told"], told["found_wrong_at"] < told["first_at"] <= told["last_at"]) == (2, 2, True)
    assert "found wrong" in desk.at_author.get(url(draft, "report.csv")).content.decode()


def test_what_is_corrected_is_not_offered_for_correction_again(desk: Desk) -> None:
    campaign = half_sent(desk)
    begun(desk, campaign)
    assert url(campaign, "correct/") not in read(desk.at_author, campaign, "report/")


@pytest.mark.parametrize(
    ("template", "kind", "whom"), [("update", Kind.UPDATE, Reached.ALSO), ("all-clear", Kind.ALL_CLEAR, Reached.ONLY)]
)
def test_an_update_begins_with_the_same_people_and_ways(desk: Desk, template: str, kind: Kind, whom: Reached) -> None:
    campaign = half_sent(desk)
    query = f"?template={template}&refers_to={campaign.pk}"
    form = desk.at_author.get(f"/incidents/{desk.incident.pk}/campaigns/new/{query}").context["form"]
    assert (form["kind"].value(), form["to_reached"].value(), form["refers_to"].value()) == (kind, whom, campaign.pk)
    assert (form["audience"].value(), form["accounts"].value()) == (str(campaign.audience_version_id), [desk.account.pk])


def test_the_page_says_how_many_came_and_one_press_sends_it_to_them(desk: Desk) -> None:
    campaign = sent(desk)
    world.contacts([6, 7])
    assert url(campaign, "top-up/") in read(desk.at_author, campaign, "report/")
    assert "Send now to 2 newcomers in Egypt" in read(desk.at_author, campaign, "top-up/")
    answer = desk.at_author.post(url(campaign, "top-up/"), follow=True)
    assert "It goes to 2 people who came since." in answer.content.decode()
    assert Batch.objects.filter(campaign=campaign, status="queued").get().total == 2


def test_nobody_came_nothing_to_press(desk: Desk) -> None:
    answer = desk.at_author.get(url(sent(desk), "top-up/"))
    assert (answer.status_code, "Nobody has come" in answer.content.decode()) == (409, True)


def test_a_pace_is_written_in_the_draft_and_shown_to_the_approver_and_live(desk: Desk) -> None:
    draft = desk.draft()
    page = desk.at_author.get(url(draft, "draft/"))
    desk.at_author.post(url(draft, "draft/"), typed(page, pace="2000", go="submit"))
    assert "At most 2,000 people in ten minutes" in read(desk.at_chief, draft, "decision/")
    world.approve(draft, desk.chief)
    assert "At most 2,000 people in ten minutes" in read(desk.at_author, draft, "live/")
    assert Campaign.objects.get().pace == 2000


@pytest.mark.parametrize("pace", ["0", "-1", "many", "99999999999999999999"])
def test_a_pace_that_is_none_is_refused_and_kept_on_the_screen(desk: Desk, pace: str) -> None:
    draft = desk.draft()
    page = desk.at_author.get(url(draft, "draft/"))
    answer = desk.at_author.post(url(draft, "draft/"), typed(page, pace=pace))
    assert (answer.status_code, Campaign.objects.get().pace) == (422, None)
    assert f'value="{pace}"' in answer.content.decode()


def test_a_pace_at_which_the_message_ends_before_its_people_is_refused(desk: Desk) -> None:
    world.contacts([*range(100, 200)])
    draft = desk.draft(pace=1)
    answer = desk.at_author.post(url(draft, "submit/"))
    assert "At 1 people in ten minutes it takes 17 h 30 min to write to 105 people" in answer.content.decode()


def test_an_urgent_update_tells_its_approver_what_it_takes_the_place_of(desk: Desk) -> None:
    first = half_sent(desk)
    update = desk.submitted(kind=Kind.UPDATE, refers_to=first)
    assert "what is still waiting of the earlier campaign is not sent any more" in read(desk.at_chief, update, "decision/")


def test_a_message_that_waits_for_its_earlier_one_says_so(desk: Desk) -> None:
    first = half_sent(desk)
    Batch.objects.filter(campaign=first).update(status="sending", lease_until=now())
    draft = begun(desk, first)
    put_right(desk, draft)
    world.approve(draft, desk.chief)
    assert "the last answers to the earlier message" in read(desk.at_author, draft, "live/")


def test_a_drill_is_corrected_as_a_drill(desk: Desk) -> None:
    incident, account = world.incident(desk.author, drill=True), world.account(drill=True)
    content = world.content(account, version=world.audience(desk.author))
    campaign = world.approve(workflow.submit(workflow.draft(incident, content, by=desk.author), by=desk.author), desk.chief)
    assert "Stop the drill and correct it" in read(desk.at_author, campaign, "correct/")
    draft = begun(desk, campaign)
    assert (draft.drill, [*draft.accounts.all()]) == (True, [account])
    put_right(desk, draft)
    bodies = draft.renderings.filter(text__part=Part.CORRECTED).values_list("body", flat=True)
    assert [body.startswith(("EXERCISE", "УЧЕНИЕ")) for body in bodies] == [True, True]
