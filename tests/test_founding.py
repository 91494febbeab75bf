"""Power over a database of the test's own: its first people, and a proposal whose day is over."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from crisis.acting import acting
from crisis.power import changing
from crisis.power.founding import found
from crisis.power.resting import rests_until
from crisis.refusal import Refused
from tests.stages import ahead
from tests.test_power import CONFIRM, House, by_sql


def test_a_proposal_holds_for_a_day(committed: str) -> None:
    house = House()
    change = house.propose()
    ahead(hours=24, seconds=1)
    with pytest.raises(Refused, match="older than 24 hours"):
        changing.confirm(change, by=house.inna)
    with pytest.raises(IntegrityError, match="24 hours"), acting(house.inna):
        by_sql(CONFIRM, house.inna.pk, change.pk)
    assert not changing.open_ones().exists()


def test_the_owner_founds_an_installation_without_a_second_person(committed: str) -> None:
    gleb, made = found("gleb", "admin", password="!")
    boris, _again = found("boris", "supervisor", rested=True, password="!")
    assert (gleb.roles, boris.roles, made, found("gleb", "admin")[1]) == ({"admin"}, {"supervisor"}, True, False)
    assert rests_until(boris) is None
