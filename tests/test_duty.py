"""The duty roster: who is called first, what cannot be served, and what a plan leaves open."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crisis import duty
from crisis.clock import now
from crisis.models import AuditEntry, Duty, User
from crisis.refusal import Refused
from tests import visits, world
from tests.world import sql

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def vera() -> User:
    return world.person("vera", "supervisor")


def plan(person: User, by: User, begin: float = -1, end: float = 8, **more: Any) -> Duty:
    """A shift from and until so many hours from now."""
    at = now()
    return duty.plan(person, from_at=at + begin * HOUR, until_at=at + end * HOUR, by=by, **more)


def test_of_several_on_duty_the_lowest_order_is_called_first(boris: User, vera: User) -> None:
    plan(vera, boris, order=2)
    plan(boris, boris, order=1)
    assert [*duty.on_duty(now())] == [boris.pk, vera.pk]


def test_the_database_says_the_same_to_the_second(boris: User) -> None:
    row = plan(boris, boris)
    assert sql("SELECT crisis_on_duty(%s)", boris.pk) == [(True,)]
    Duty.objects.filter(pk=row.pk).update(until_at=now())
    assert (sql("SELECT crisis_on_duty(%s)", boris.pk), duty.on_duty(now())) == ([(False,)], {})


def test_whoever_was_locked_out_is_on_no_duty(boris: User, vera: User) -> None:
    plan(boris, vera)
    User.objects.filter(pk=boris.pk).update(is_active=False)
    assert duty.on_duty(now()) == {}


@pytest.mark.parametrize(
    ("begin", "end", "sentence"),
    [
        (2, 1, "ends before it begins"),
        (-5, -1, "is over already"),
        (0, 24 * 31 + 1, "at most 31 days"),
        (7, 9, "on duty in that time already"),
    ],
)
def test_a_shift_that_cannot_be_served_is_refused(boris: User, begin: float, end: float, sentence: str) -> None:
    plan(boris, boris)
    with pytest.raises(Refused, match=sentence):
        plan(boris, boris, begin, end)
    assert Duty.objects.count() == 1


def test_a_shift_of_somebody_who_cannot_log_in_is_refused(boris: User) -> None:
    with pytest.raises(Refused, match="cannot log in"):
        plan(world.person("nobody"), boris)


def test_an_operator_plans_no_shift(boris: User) -> None:
    with pytest.raises(Refused, match="role"):
        plan(boris, world.person("anna", "operator"))


def test_the_log_keeps_who_planned_a_shift_and_no_phone(boris: User, vera: User) -> None:
    plan(vera, boris, phone="+7 495 000-00-02")
    entry = AuditEntry.objects.get(action="duty.plan")
    assert (entry.by, entry.data["person"], "495" in str(entry.data)) == (boris, vera.pk, False)


def test_a_shift_that_runs_ends_when_it_is_called_off_and_one_to_come_vanishes(boris: User, vera: User) -> None:
    runs, comes = plan(boris, vera), plan(vera, vera, 1)
    for row in (runs, comes):
        duty.call_off(row, by=vera)
    assert [row.pk for row in Duty.objects.all()] == [runs.pk]
    assert duty.on_duty(now()) == {}
    with pytest.raises(Refused, match="is over"):
        duty.call_off(runs, by=vera)


def shift(begin: int, end: int, *, order: int = 1) -> Duty:
    zero = datetime.fromisoformat("2015-11-08T00:00+00:00")
    return Duty(from_at=zero + begin * HOUR, until_at=zero + end * HOUR, order=order)


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ([], [(0, 24)]),
        ([shift(-5, 30)], []),
        ([shift(2, 10), shift(8, 20)], [(0, 2), (20, 24)]),
        ([shift(8, 20), shift(0, 6), shift(1, 2)], [(6, 8), (20, 24)]),
        ([shift(30, 40)], [(0, 24)]),
    ],
)
def test_gaps_are_the_spans_that_no_shift_covers(shifts: list[Duty], expected: list[tuple[int, int]]) -> None:
    zero = shift(0, 24)
    hours = [
        ((a - zero.from_at) // HOUR, (b - zero.from_at) // HOUR) for a, b in duty.gaps(shifts, zero.from_at, zero.until_at)
    ]
    assert hours == expected


def test_two_of_the_same_order_at_once_overlap_and_two_of_different_order_do_not() -> None:
    zero, rows = shift(0, 24), [shift(0, 10), shift(8, 20), shift(5, 15, order=2)]
    found = [*duty.overlaps(rows, zero.from_at, zero.until_at)]
    assert [(first, second) for first, second, *_span in found] == [(rows[0], rows[1])]


def test_the_page_says_who_is_on_duty_and_until_when_nobody_is(boris: User, vera: User) -> None:
    assert "Nobody who may approve is on duty" in visits.page(boris, "roster")
    plan(boris, vera, end=100, phone="+7 495 000-00-01")
    shown = visits.page(boris, "roster")
    assert ('href="tel:+74950000001"' in shown, "Nobody who may approve" in shown) == (True, False)


def test_the_page_keeps_phones_from_those_who_only_read(boris: User) -> None:
    plan(boris, boris, phone="+7 495 000-00-01")
    assert "000-00-01" not in visits.page(world.person("dina", "auditor"), "roster")


def test_a_shift_is_planned_and_called_off_on_the_page(boris: User) -> None:
    typed = {"person": boris.pk, "from_at": "2099-01-01T08:00", "until_at": "2099-01-01T20:00", "order": "2", "phone": ""}
    assert "is on the roster" in visits.post(boris, "duty_plan", **typed).content.decode()
    row = Duty.objects.get()
    assert (row.order, row.until_at - row.from_at) == (2, 12 * HOUR)
    visits.post(boris, "duty_call_off", row.pk)
    assert not Duty.objects.exists()


def test_what_the_form_cannot_read_is_said_beside_its_field(boris: User) -> None:
    answer = visits.post(boris, "duty_plan", person=boris.pk, from_at="soon", until_at="", order="77")
    assert (answer.status_code, Duty.objects.count()) == (422, 0)
    assert "This is no date and time" in answer.content.decode()
