"""What several ways reach together, on the pages: orders beside counted ways, never added up as if people were distinct."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from crisis import small
from crisis.clock import now
from crisis.models import Incident
from messaging import progress, workflow
from messaging.joint import Bounds, Joint, Part, join
from messaging.models import Account, Batch, Order
from messaging.phrases import Size, expected, in_bounds, numbers_of, of_nationals, size_of, untold
from messaging.progress import Way
from messaging.views.order_rows import cancelling, order_row
from messaging.views.reports import report_of
from messaging.views.sheet import sheet_rows
from tests import world
from tests.desk import Desk, url

LATELY = timezone.now()
ASKED = LATELY - timedelta(minutes=9)
TOTALS = {"matched": 20_000, "sent": 19_400, "delivered": 18_820, "matched_step": 100, "step": 10}


class Several(Desk):
    """A campaign that is being sent to five people one by one, and by an order to a platform."""

    def __init__(self) -> None:
        super().__init__()
        self.geo = world.account("vk-geo")
        version = world.audience(self.author)
        draft = workflow.draft(self.incident, world.content(self.account, self.geo, version=version), by=self.author)
        self.campaign = world.approve(workflow.submit(draft, by=self.author), self.chief)
        Batch.objects.filter(order=None).update(accepted=4, uncertain=1, status="done")
        self.order = Order.objects.get()

    def told(self, **changes: Any) -> Order:
        """The order as its platform has told it."""
        Order.objects.filter(asked_at=None).update(asked_at=ASKED, status="sending")
        if changes:
            Order.objects.filter(pk=self.order.pk).update(**changes)
        return Order.objects.get(pk=self.order.pk)

    def another(self, **values: Any) -> Order:
        """One more order by the same account."""
        batch = Batch.objects.create(campaign=self.campaign, account=self.geo, number=2, rank=1, total=0, key=2)
        return Order.objects.create(batch=batch, status=Order.Status.DONE, asked_at=now(), **values)

    def joint(self) -> Joint:
        return progress.joint(self.campaign, progress.ways(self.campaign))

    def page(self, name: str, at: Client | None = None) -> str:
        return " ".join((at or self.at_author).get(url(self.campaign, name)).content.decode().split())


@pytest.fixture(scope="module")
def made(once: Callable[[type[Several]], Several]) -> Several:
    return once(Several)


@pytest.fixture
def desk(made: Several, db: None) -> Several:
    return deepcopy(made)


def test_what_was_found_sent_and_delivered_stand_there_as_three_numbers(desk: Several) -> None:
    desk.told(**TOTALS, totals_at=now())
    page = desk.page("progress/")
    assert "<span>found <b>20,000</b></span><span>sent <b>19,400</b></span><span>delivered <b>18,820</b></span>" in page
    assert ("As reported by vk-geo, " in page, "Rounded there: found to 100, all else to 10." in page) == (True, True)


def test_a_number_that_was_not_told_is_not_none(desk: Several) -> None:
    desk.told(matched=20_000)
    page = desk.page("progress/")
    assert "<span>sent not told</span><span>delivered not told</span>" in page
    assert ("found, not sent yet" in page, "failed, as reported" in page) == (True, False)


CLOCKS: list[tuple[dict[str, Any], str]] = [
    ({"status": "asked"}, "no answer for"),
    ({"status": "accepted", "taken_at": LATELY}, "received, no decision for"),
    ({"status": "accepted", "reminders": 2}, "reminded 2 times"),
    ({"status": "accepted", "waived_at": LATELY}, "It did not decide in time: nothing waits for it since"),
    ({"decision": "accepted", "answered_by": "duty officer"}, ", duty officer</span>"),
    ({"decision": "accepted"}, "the decision took 9 min"),
    ({"decision": "partial", "narrowed": ["subscribers_only"]}, "In part: only to those who follow us."),
    ({"decision": "refused", "status": "refused", "reason": "not now"}, "reason: not now"),
    ({"status": "sending", "cancel_asked_at": LATELY}, "how many it had written to is not told yet"),
    ({"status": "cancelled", "sent_when_cancelled": 97, "ended_at": LATELY}, "It had written to 97 people when it stopped"),
]


@pytest.mark.parametrize(("changes", "words"), CLOCKS)
def test_the_live_page_says_how_the_decision_stands(desk: Several, changes: dict[str, Any], words: str) -> None:
    desk.told(answered_at=LATELY, **changes)
    assert words in desk.page("progress/")


@pytest.mark.parametrize(("minutes", "tone"), [(60, ""), (20, "wait"), (8, "bad")])
def test_a_decision_that_does_not_come_turns_amber_then_red(desk: Several, minutes: int, tone: str) -> None:
    desk.told(status="accepted", answer_due_at=now() - timedelta(minutes=9 - minutes))
    page = desk.page("progress/")
    assert (f'<span class="clock tone-{tone}"' in page, "nothing waits for it after" in page) == (True, True)


@pytest.mark.parametrize(
    ("changes", "bounds"),
    [
        (TOTALS, (19_391, 19_414)),
        ({"sent": 0, "threshold": 100}, (4, 104)),
        ({"matched": 200}, (4, 205)),
        ({}, (4, None)),
        ({"status": "asked"}, (4, None)),
        ({"status": "accepted"}, (4, 5)),
        ({"status": "refused"}, (4, 5)),
    ],
)
def test_all_ways_together_are_bounds_that_leave_room_for_everything_not_told(
    desk: Several, changes: dict[str, Any], bounds: Bounds
) -> None:
    desk.told(**changes)
    joint = desk.joint()
    assert (joint.least, joint.most) == bounds


def test_an_order_that_leaves_out_who_got_the_first_adds_its_people(desk: Several) -> None:
    first = desk.told(sent=1000)
    desk.another(sent=300, follows=first, recipients=Order.Recipients.EXCEPT)
    assert (desk.joint().least, desk.joint().most) == (1300, 1305)


def test_a_second_order_that_may_reach_the_same_people_adds_nobody_for_sure(desk: Several) -> None:
    first = desk.told(sent=1000)
    desk.another(sent=300, follows=first, recipients=Order.Recipients.ALSO)
    assert (desk.joint().least, desk.joint().most) == (1000, 1305)


def test_both_orders_of_one_account_stand_on_the_live_page_and_in_the_report(desk: Several) -> None:
    desk.told(sent=1000)
    desk.another(sent=300)
    for page in ("progress/", "report/"):
        assert ("sent <b>1,000</b>" in desk.page(page), "sent <b>300</b>" in desk.page(page)) == (True, True)
    (_, way) = desk.at_author.get(url(desk.campaign, "report.json")).json()["ways"]
    assert [order["sent"] for order in way["orders"]] == [1000, 300]


def test_the_report_says_what_each_way_added_and_how_long_its_decision_took(desk: Several) -> None:
    desk.told(**TOTALS, decision="accepted", answered_at=LATELY)
    row = desk.at_author.get(url(desk.campaign, "report/")).context["added"][1]
    assert ([told for _words, told in row["numbers"]], row["added"]) == ([[20_000], [19_400], [18_820]], "19,386–19,409")
    assert (round(row["took"].total_seconds()), row["per_minute"]) == (540, 2154)
    assert "What each way added" in desk.page("report/")


def test_the_report_says_the_share_of_nationals_as_bounds(desk: Several) -> None:
    _estimated(desk.incident, 80_000)
    desk.told(**TOTALS)
    share = "That is at least 24 %, at most 25 % of about 80,000 nationals estimated there (Rosturizm, 07.11.2015)."
    assert f"Sent to at least 19,391 and at most 19,414 people. {share}" in desk.page("report/")


def test_a_way_without_a_number_is_named_in_the_report(desk: Several) -> None:
    desk.told()
    words = "Nobody can say at most how many: no number from vk-geo. Without it: at most 5 people."
    assert words in desk.page("report/")


def test_programs_are_told_the_same_bounds(desk: Several) -> None:
    _estimated(desk.incident, 80_000)
    desk.told(**TOTALS, decision="accepted", answered_at=LATELY)
    told = desk.at_author.get(url(desk.campaign, "report.json")).json()
    assert told["reached"] == {"at_least": 19_391, "at_most": 19_414, "basis": "accepted by platforms, or reported as sent"}
    joint = told["joint"]
    assert (joint["share_least"], joint["share_most"], joint["nationals"]["date"]) == (24, 25, "2015-11-07")
    ours, geo = joint["ways"]
    assert (ours["added_least"], ours["added_most"], geo["added_least"], geo["added_most"]) == (0, 5, 19_386, 19_409)
    assert (geo["decision_s"], geo["per_minute"]) == (540, 2154)


def test_a_spreadsheet_holds_the_same_bounds(desk: Several) -> None:
    desk.told(**TOTALS)
    rows = [*sheet_rows(desk.campaign)]
    assert ("vk-geo", "added to the other ways, at least", 19_386) in rows
    assert ("Campaign", "people reached, at most", 19_414) in rows


def test_whoever_sends_nothing_is_told_bounds_made_of_rounded_numbers_alone(desk: Several) -> None:
    desk.told(matched=20_001, sent=19_401, step=10)
    before = [report_of(desk.campaign, exact=False)[name] for name in ("reached", "joint")]
    Batch.objects.filter(order=None).update(accepted=3, uncertain=2)
    desk.told(matched=20_006, sent=19_409)
    assert [report_of(desk.campaign, exact=False)[name] for name in ("reached", "joint")] == before
    assert before[0]["at_most"] % small.SMALL == before[0]["at_least"] % small.SMALL == 0


def test_the_page_of_the_incident_says_bounds_over_all_its_messages(desk: Several) -> None:
    desk.told(**TOTALS)
    page = desk.at_author.get(f"/incidents/{desk.incident.pk}/").content.decode()
    assert "In all: at least 19,391 and at most 19,414 people." in page


def test_whoever_stops_reads_what_a_platform_has_sent_already(desk: Several) -> None:
    desk.told(**TOTALS, totals_at=now())
    assert "what it has sent cannot be called back: 19,400 people, " in desk.page("stop/")


def test_a_pause_says_that_what_was_accepted_elsewhere_goes_on(desk: Several) -> None:
    desk.told()
    workflow.pause(desk.campaign, by=desk.author)
    assert "What was accepted elsewhere goes on there" in desk.page("progress/")


def test_whoever_has_stopped_reads_who_is_asked_to_cancel(desk: Several) -> None:
    desk.told()
    page = desk.at_author.post(url(desk.campaign, "stop/"), follow=True).content.decode()
    assert "vk-geo is asked to cancel; what it has sent cannot be called back." in page


def test_a_desk_is_stopped_by_a_person(desk: Several) -> None:
    hotels = Account(slug="manual", label_ru="Отели", label_en="Hotels")
    order = Order(status=Order.Status.SENDING, cancel_asked_at=LATELY)
    assert [*cancelling([Way(hotels, [order])])] == ["Ask Hotels to stop, by phone or letter: nothing does it for you."]
    shown = render_to_string("messaging/_order_clock.html", {"row": order_row(order, hotels, LATELY)})
    assert ("To be asked to stop since " in shown, "being carried out" in shown) == (True, True)


REACH = {
    "accounts": {
        "1": {"basis": "counted", "people": 300},
        "2": {"basis": "counted", "people": 200},
        "3": {"basis": "estimated", "lower": 900, "upper": 1100},
    },
    "overlap": [{"accounts": [1], "people": 250}, {"accounts": [1, 2], "people": 50}, {"accounts": [2], "people": 150}],
}


def test_a_reach_uses_the_overlap_of_our_own_accounts_and_only_bounds_of_others() -> None:
    assert size_of(REACH) == Size(900, 450 + 1100)
    assert [(way.least, way.most) for way in expected(REACH).ways] == [(0, 250), (0, 150), (450, 1100)]


def test_a_reach_is_told_in_tens_to_whoever_sends_nothing() -> None:
    with small.telling(exact=False):
        joint = expected({"accounts": {"1": {"basis": "counted", "people": 27}}})
        assert in_bounds(joint) == "at least 20 and at most 30 people"


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((5, 5), "5 people"), ((3, 5), "at least 3 and at most 5 people"), ((0, 5), "at most 5 people"), ((1, 1), "1 person"),
        ((3000, None), "at least 3,000 people"), ((0, None), "an unknown number of people"),
    ],
)  # fmt: skip
def test_bounds_are_said_in_plain_words(bounds: Bounds, words: str) -> None:
    assert in_bounds(join([Part(1, *bounds)])) == words


@pytest.mark.parametrize(
    ("bounds", "words"),
    [((5, 5), "5"), ((3, 5), "3–5"), ((0, 5), "at most 5"), ((3000, None), "at least 3,000"), ((0, None), "not known")],
)
def test_bounds_are_said_in_a_cell(bounds: Bounds, words: str) -> None:
    assert numbers_of(*bounds) == words


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((24_800, 46_300), "That is at least 31 %, at most 58 % of about 80,000 nationals"),
        ((0, 46_300), "That is at most 58 % of about"),
        ((24_800, None), "That is at least 31 % of about"),
        ((24_800, 99_000), "That is at least 31 % of about"),
        ((20_000, 20_000), "That is 25 % of about"),
        ((0, None), "How large a part that is of about 80,000 nationals estimated there nobody can say"),
        ((90_000, 99_000), "That is more than the 80,000 nationals estimated there"),
    ],
)
def test_the_share_of_nationals_names_its_denominator_and_claims_no_more_than_is_known(bounds: Bounds, words: str) -> None:
    said = of_nationals(join([Part(1, *bounds)]), _estimated(Incident(), 80_000))
    assert said.startswith(words)
    assert "(Rosturizm, 07.11.2015)" in said


def test_without_an_estimate_no_share_is_said() -> None:
    assert of_nationals(join([Part(1, 5, 5)]), Incident()) == "How many nationals are there is not known."


def test_where_every_way_has_told_a_number_none_is_missed() -> None:
    assert untold(join([Part(1, 5, 5)]), {}) == ""
    assert untold(join([Part(1, 0, None)]), {1: "MTS"}) == "Nobody can say at most how many: no number from MTS."


def _estimated(incident: Incident, people: int) -> Incident:
    incident.estimate_people, incident.estimate_source, incident.estimate_at = people, "Rosturizm", date(2015, 11, 7)
    if incident.pk:
        incident.save()
    return incident
