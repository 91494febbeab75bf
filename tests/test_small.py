"""Whoever sends nothing sees no small number, and cannot work one out from a total and its parts."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest
from django.urls import reverse

from crisis import deeds, small
from crisis.clock import now
from crisis.models import AuditEntry
from crisis.templatetags.console import number, roughly
from messaging import handover
from messaging.delivery import starting
from messaging.models import Account, Batch, Campaign, Delivery
from tests import visits, world
from tests.stages import Cast

FEW = "fewer than 10"


TOLD = {0: FEW, 1: FEW, 9: FEW, 10: "10", 15: "10", 19: "10", 20: "20", 1239: "1,230", 20_000: "20,000"}


@pytest.mark.parametrize(("people", "words"), TOLD.items())
def test_small_numbers_are_not_told_and_others_are_rounded(people: int, words: str) -> None:
    with small.telling(exact=False):
        assert number(people) == words


@pytest.mark.parametrize("people", [0, 7, 12, 1234])
def test_the_sending_team_sees_the_number_itself(people: int) -> None:
    with small.telling(exact=True):
        assert number(people).replace(",", "") == str(people)


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_no_number_follows_from_a_total_and_its_other_parts(parts: int) -> None:
    possible = defaultdict(set)
    for numbers in product([0, 1, 2, 5, 8, 9, 10, 11, 15, 18, 19], repeat=parts - 1):
        for hidden in range(20):
            told = tuple(small.coarse(number) for number in (sum(numbers) + hidden, *numbers, hidden))
            possible[told].add(hidden)
    assert min(len(found) for found in possible.values()) >= 11 - parts


def test_nested_numbers_of_a_program_are_rounded_and_nothing_else() -> None:
    told = {"people": 1234, "excluded": {"denied": 3}, "basis": "counted", "known": True, "at": None, "rate": 0.5}
    expected = {**told, "people": 1230, "excluded": {"denied": FEW}}
    assert small.plain(told) == expected


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "exact"), [("operator", True), ("supervisor", True), ("admin", False), ("auditor", False)])
def test_operators_and_supervisors_are_the_sending_team(role: str, exact: bool) -> None:
    assert small.sees_exact(world.person("somebody", role)) is exact


def test_the_data_of_the_audit_log_tell_no_small_number_and_leave_what_counts_no_people() -> None:
    row = AuditEntry(
        data={"people": {"4": 3, "5": 26}, "gone": 7, "round": 2, "correction": 31, "reason": "smoke", "took": 0.5}
    )
    told = {"people": {"4": FEW, "5": 20}, "gone": FEW, "round": 2, "correction": 31, "reason": "smoke", "took": 0.5}
    assert deeds.data_of(row) == told


def test_what_is_kept_in_a_sentence_is_told_in_tens_whoever_reads_it() -> None:
    held = starting.Held("%(people)s, not %(before)s", people=roughly(127), before=roughly(3))
    assert str(held) == "120, not fewer than 10"


@pytest.mark.django_db
def test_the_line_of_the_shift_leaves_the_house_and_tells_no_small_number(sent: Campaign) -> None:
    said = handover.line(handover.shift_of(sent.created_by, now()))
    assert "accepted for fewer than 10 of fewer than 10 people" in said


@pytest.fixture
def sent() -> Campaign:
    """One of three people got it, one failed, one may have got it."""
    cast = Cast()
    campaign = cast.at("sending")
    batch = Batch.objects.get()
    for contact, status in zip(batch.people, ("accepted", "failed", "uncertain"), strict=True):
        values = {"campaign": campaign, "account": cast.account, "batch": batch}
        Delivery.objects.create(**values, contact=contact, status=status, reason="blocked")
    Batch.objects.update(status="done", accepted=1, failed=1, uncertain=1)
    return campaign


@pytest.mark.django_db
def test_an_auditor_takes_a_report_away_in_which_no_small_number_stands(sent: Campaign) -> None:
    dina = visits.screen_of(world.person("dina", "auditor"))
    told = dina.get(reverse("campaign_report_json", args=[sent.pk])).json()
    (way,) = told["ways"]
    names = ("total", "accepted", "failed", "uncertain", "waiting", "read")
    assert {way[name] for name in names} == {FEW}
    assert (way["account"], told["people_rounded_down_to"], told["reached"]["at_least"]) == (Account.objects.get().pk, 10, FEW)
    assert {one["people"] for one in told["failures"]} == {FEW}
    sheet = dina.get(reverse("campaign_report_csv", args=[sent.pk])).content.decode()
    assert "accepted,fewer than 10" in sheet
    assert "numbers of people,rounded down to tens" in sheet
    assert ",1\r\n" not in sheet.replace(f"Number,{sent.pk}\r\n", "")


@pytest.mark.django_db
def test_a_supervisor_takes_the_exact_report_away(sent: Campaign) -> None:
    boris = visits.screen_of(world.person("gregor", "supervisor"))
    told = boris.get(reverse("campaign_report_json", args=[sent.pk])).json()
    assert told["ways"][0]["accepted"] == 1
    assert "people_rounded_down_to" not in told
    assert "rounded" not in boris.get(reverse("campaign_report_csv", args=[sent.pk])).content.decode()
