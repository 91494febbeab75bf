"""The pages on which people work an order: what was typed stays, and the same live page and report come of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from messaging import workflow
from messaging.models import Order, Rendering, Told
from tests import world
from tests.byhand import Hotels, fresh
from tests.visits import expect_status, page, post, screen_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once: Callable[[type[Hotels]], Hotels]) -> Hotels:
    return once(Hotels)


@pytest.fixture
def hotels(made: Hotels, quiet: None) -> Hotels:
    return deepcopy(made)


def typed(hotels: Hotels, order: Order, verb: str, **fields: Any) -> dict[str, Any]:
    last = order.words.order_by("pk").last()
    return {"verb": verb, "seen": last.pk if last else 0, "way": "phone", "card": hotels.manager.pk, **fields}


def note(hotels: Hotels, order: Order, verb: str, **fields: Any) -> Any:
    return post(hotels.anna, "order_work", order.batch.campaign_id, order.pk, **typed(hotels, order, verb, **fields))


def expect_refused(hotels: Hotels, order: Order, sentence: str, verb: str, **fields: Any) -> str:
    """The page says this, and the order stays as it is. Returns the page."""
    before = Order.objects.filter(pk=order.pk).values().get(), order.words.count()
    answer = note(hotels, order, verb, **fields)
    html: str = answer.content.decode()
    assert (answer.status_code, sentence in html) == (422, True)
    assert (Order.objects.filter(pk=order.pk).values().get(), order.words.count()) == before
    return html


def test_an_order_is_worked_from_the_first_call_to_the_report(hotels: Hotels) -> None:
    order = hotels.queued()
    note(hotels, order, "no_reply")
    note(hotels, order, "asked", text="He calls back")
    note(hotels, order, "answered", decision="partial", narrowed=["fewer_people"], lower="300", upper="1 500")
    note(hotels, order, "told", matched="1 400", sent="1 300", source="Letter No 12")
    answer = note(hotels, order, "told", sent="1 350", delivered="1 200", source="Letter No 13", over="on")
    assert "Noted: what they told." in answer.content.decode()
    order = fresh(order)
    assert (order.status, order.estimate_upper, order.sent, order.delivered) == ("done", 1500, 1350, 1200)
    report = page(hotels.anna, "campaign_report", order.batch.campaign_id)
    assert "Letter No 13" in report
    assert "1,350" in report
    assert "accepted in part" in report
    assert "accepted in part: to fewer people" in page(hotels.anna, "order_detail", order.batch.campaign_id, order.pk)


def test_the_live_page_shows_a_desk_as_it_shows_a_platform(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), matched=400, sent=300)
    html = page(hotels.anna, "campaign_live", order.batch.campaign_id)
    assert "As told by Letter No 12" in html
    assert "the decision took" in html


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sent": "401", "source": "x"}, "more people than they found. (401 &gt; 400) Nothing was changed."),
        ({"sent": "-1", "source": "x"}, "never below nothing"),
        ({"sent": "many", "source": "x"}, "Write a number of people in figures"),
        ({"sent": "9" * 30, "source": "x"}, "more people than there can be"),
        ({"sent": "350"}, "Say who told this"),
        ({"sent": "350", "source": "x" * 201}, "at most 200 characters"),
        ({"sent": "350", "source": "x", "at": "2099-01-01T00:00"}, "This time has not come yet"),
        ({"sent": "350", "source": "x", "at": "yesterday"}, "This is no date and time"),
        ({"sent": "350", "source": "x", "card": "999999"}, "Select a valid choice"),
        ({"sent": "350", "source": "x", "way": "api"}, "Select a valid choice"),
        ({"source": "x"}, "Type in at least one number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_sentence_beside_what_was_typed(hotels: Hotels, fields: dict[str, str], sentence: str) -> None:
    order = hotels.tell(hotels.accepted(), matched=400, sent=300)
    html = expect_refused(hotels, order, sentence, "told", text="They call back", **fields)
    assert 'value="They call back"' in html


def test_an_order_of_another_message_is_not_worked_at_this_one(hotels: Hotels) -> None:
    order, other = hotels.accepted(), hotels.draft()
    answer = post(hotels.anna, "order_work", other.pk, order.pk, **typed(hotels, order, "told", sent="3", source="x"))
    assert (answer.status_code, "This order belongs to another campaign" in answer.content.decode()) == (404, True)
    assert fresh(order).sent is None


def test_an_order_nobody_knows_is_not_worked(hotels: Hotels) -> None:
    expect_status(404, hotels.anna, "order_work", hotels.queued().batch.campaign_id, uuid4())


def test_of_two_at_their_screens_the_second_reads_the_first_and_keeps_what_was_typed(hotels: Hotels) -> None:
    order = hotels.accepted()
    stale = typed(hotels, order, "told", sent="2", source="Letter No 13")
    hotels.tell(order, sent=3)
    answer = post(hotels.boris, "order_work", order.batch.campaign_id, order.pk, **stale)
    html = answer.content.decode()
    assert "Meanwhile this was noted: told totals" in html
    assert 'value="Letter No 13"' in html
    assert f'name="seen" value="{order.words.order_by("pk").last().pk}"' in html  # type: ignore[union-attr]
    assert fresh(order).sent == 3


def test_a_button_that_is_none_notes_nothing(hotels: Hotels) -> None:
    order = hotels.queued()
    assert note(hotels, order, "everything").status_code == 422
    assert not order.words.exists()


def test_a_stopped_message_says_first_that_people_have_to_call(hotels: Hotels) -> None:
    order = hotels.accepted()
    workflow.stop(order.batch.campaign, by=hotels.anna)
    html = page(hotels.anna, "order_work", order.batch.campaign_id, order.pk)
    assert "Ask them to stop now" in html
    note(hotels, order, "stop")
    note(hotels, order, "told", sent="40", source="Duty manager", over="on")
    assert (fresh(order).status, fresh(order).sent_when_cancelled) == ("cancelled", 40)


def test_a_platform_s_order_is_not_worked_by_hand(hotels: Hotels) -> None:
    campaign = world.approve(world.submitted(hotels.anna, world.account("vk-geo")), hotels.boris)
    order = Order.objects.get(batch__campaign=campaign)
    answer = screen_of(hotels.anna).get(reverse("order_work", args=[campaign.pk, order.pk]))
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("order_detail", args=[campaign.pk, order.pk]))


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_who_may_not_work_an_order_sees_no_telephone(hotels: Hotels, role: str) -> None:
    order, other = hotels.queued(), world.person("the-other", role)
    for name in ("order_work", "order_sheet"):
        expect_status(403, other, name, order.batch.campaign_id, order.pk)
    assert "+20 65" not in page(other, "order_detail", order.batch.campaign_id, order.pk)


def test_what_a_desk_expects_stands_in_the_preview_with_its_source(hotels: Hotels) -> None:
    draft = hotels.draft()
    assert reverse("desk_expects", args=[draft.pk, hotels.desk.pk]) in page(hotels.anna, "campaign_preview", draft.pk)
    answer = post(hotels.anna, "desk_expects", draft.pk, hotels.desk.pk, lower="300", upper="1 500", source="Duty manager")
    assert "300–1,500 people" in answer.content.decode()
    assert "told by Duty manager" in answer.content.decode()


def test_what_a_desk_cannot_expect_is_refused(hotels: Hotels) -> None:
    draft = hotels.draft()
    answer = post(hotels.anna, "desk_expects", draft.pk, hotels.desk.pk, lower="500", upper="300", source="x")
    assert (answer.status_code, Told.objects.count()) == (422, 0)


def test_an_order_that_nobody_was_asked_for_waits_on_top_of_every_page(hotels: Hotels) -> None:
    order = hotels.queued()
    line = page(hotels.anna, "waiting_line")
    assert "Ask manual: " in line
    assert reverse("order_work", args=[order.batch.campaign_id, order.pk]) in line


# Call sheets


def test_a_sheet_says_the_approved_words_in_both_languages_and_whom_to_call(hotels: Hotels) -> None:
    order = hotels.queued()
    html = page(hotels.anna, "order_sheet", order.batch.campaign_id, order.pk)
    for body in Rendering.objects.filter(account=hotels.desk).values_list("body", flat=True):
        assert body.splitlines()[0] in html
    assert '<p class="letter said" lang="ru">' in html
    assert '<p class="letter said" lang="en">' in html
    assert "+20 65 000 01 02" in html
    assert html.index("Duty manager") < html.index("Night porter")
    assert html.count('class="box"') == 7 * 2
    approval = order.batch.campaign.approvals.get()
    assert f"{approval.fingerprint[:4]}-{approval.fingerprint[4:8]}".upper() in html


def test_a_drill_s_sheet_says_on_every_line_that_it_is_one(made: Hotels, hotels: Hotels) -> None:
    hotels.drill, hotels.desk = True, world.account("manual", drill=True, handle="drill")
    hotels.desk.cards.create(role="Duty manager")
    order = hotels.queued()
    html = page(hotels.anna, "order_sheet", order.batch.campaign_id, order.pk)
    assert "Call sheet of a DRILL: call nobody" in html
    sheet = html.partition('<div class="callee')[2].partition("</div>")[0]
    assert sheet.count("<p>") == sheet.count("DRILL") == 4


def test_all_desks_of_a_message_are_printed_at_once(hotels: Hotels) -> None:
    other = world.account("manual", handle="wardens")
    campaign = world.approve(world.submitted(hotels.anna, hotels.desk, other), hotels.boris)
    assert page(hotels.anna, "campaign_sheets", campaign.pk).count('<section class="sheet') == 2
    expect_status(404, hotels.anna, "campaign_sheets", hotels.draft().pk)


def test_a_sheet_after_a_stop_asks_to_stop_and_repeats_no_word_of_the_message(hotels: Hotels) -> None:
    order = hotels.accepted()
    workflow.stop(order.batch.campaign, by=hotels.anna)
    for html in (
        page(hotels.anna, "order_sheet", order.batch.campaign_id, order.pk),
        page(hotels.anna, "campaign_sheets", order.batch.campaign_id),
    ):
        assert [words for words in ("Ask them to stop", "asked to stop at", "how many had gone") if words not in html] == []
        assert [words for words in ("Read this out", "letter said", "Mark of the approved words") if words in html] == []
    assert "Read this out" not in page(hotels.anna, "order_work", order.batch.campaign_id, order.pk)


def test_nobody_is_called_for_an_order_that_is_over(hotels: Hotels) -> None:
    order = hotels.tell(hotels.accepted(), sent=300, over=True)
    sheets = {"order_sheet": (order.batch.campaign_id, order.pk), "campaign_sheets": (order.batch.campaign_id,)}
    for name, where in sheets.items():
        answer = screen_of(hotels.anna).get(reverse(name, args=where))
        assert (answer.status_code, "nobody is called for it any more" in answer.content.decode()) == (409, True)
    assert reverse("order_sheet", args=sheets["order_sheet"]) not in page(hotels.anna, "order_work", *sheets["order_sheet"])
