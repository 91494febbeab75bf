"""Contact cards of duty desks: who keeps them, what is no card, the tree of wardens, and what is left of a retired one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import Error

from crisis.models import AuditEntry
from crisis.refusal import Forbidden, Refused
from messaging import desks
from messaging.models import Card
from tests import world
from tests.visits import expect_status, page, post

pytestmark = pytest.mark.django_db
VALUES = {
    "role": "Duty manager", "person": "Ahmed Fathi", "organisation": "Hotels of Hurghada", "phone": "+20 65 000 01 02",
    "other_phone": "", "email": "duty@hotels.example", "hours": "always", "languages": "Arabic, English", "step": "1",
    "parent": "", "note": "Ask for the night porter.",
}  # fmt: skip


class Office:
    """A live desk and one of drills, a supervisor who keeps their cards, an operator who reads them."""

    def __init__(self) -> None:
        self.live, self.drill = world.account("manual"), world.account("manual", drill=True)
        self.boris, self.anna = world.person("boris", "supervisor"), world.person("anna", "operator")

    def card(self, role: str = "Duty manager", **values: Any) -> Card:
        return desks.add(self.live, {"role": role, **values}, by=self.boris)


@pytest.fixture
def office(quiet: None) -> Office:
    return Office()


def test_a_supervisor_writes_a_card_and_an_operator_reads_it(office: Office) -> None:
    post(office.boris, "card_list", office.live.pk, **VALUES)
    html = page(office.anna, "card_list", office.live.pk)
    assert 'href="tel:+20650000102"' in html
    assert "Ahmed Fathi" in html
    assert "Add a contact card" not in html
    assert AuditEntry.objects.latest("pk").data == {"card": Card.objects.get().pk}


def test_an_operator_writes_none(office: Office) -> None:
    assert post(office.anna, "card_list", office.live.pk, **VALUES).status_code == 403
    with pytest.raises(Forbidden):
        desks.add(office.live, {"role": "Warden"}, by=office.anna)


def test_an_auditor_reads_no_telephone(office: Office) -> None:
    expect_status(403, world.person("dina", "auditor"), "card_list", office.live.pk)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"role": ""}, "This field is required."),
        ({"role": "Duty\u202emanager"}, "does not belong into one line"),
        ({"step": "0"}, "Who is called first has 1"),
        ({"step": "99999999"}, "Who is called first has 1"),
        ({"note": "x" * 2001}, "at most 2,000 characters"),
        ({"email": "nowhere"}, "Enter a valid email address"),
        ({"parent": "999"}, "Select a valid choice"),
    ],
)
def test_what_is_no_card_is_refused_and_what_was_typed_stays(office: Office, typed: dict[str, str], sentence: str) -> None:
    answer = post(office.boris, "card_list", office.live.pk, **{**VALUES, **typed})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert "Ask for the night porter." in answer.content.decode() or "note" in typed
    assert not Card.objects.exists()


def test_a_card_is_changed(office: Office) -> None:
    card = office.card()
    post(office.boris, "card_edit", card.pk, **{**VALUES, "role": "Night porter"})
    assert Card.objects.get().role == "Night porter"


def test_a_tree_lists_everybody_behind_whoever_asks_them(office: Office) -> None:
    first, second = office.card("North", step=2), office.card("South", step=1)
    office.card("Street in the north", parent=first)
    office.card("Street in the south", parent=second)
    found = [(leaf.card.role, leaf.depth) for leaf in desks.tree(desks.in_use(office.live))]
    assert found == [("South", 0), ("Street in the south", 1), ("North", 0), ("Street in the north", 1)]


def test_nobody_is_asked_by_somebody_whom_they_ask(office: Office) -> None:
    top = office.card("North")
    leaf = office.card("Street", parent=office.card("Quarter", parent=top))
    with pytest.raises(Refused, match="whom they ask themselves"):
        desks.change(top, {"parent": leaf}, by=office.boris)


def test_a_retired_card_keeps_its_role_and_nothing_of_the_person(office: Office) -> None:
    card = office.card(person="Ahmed Fathi", phone="+20 65", email="a@b.example", note="ring twice")
    post(office.boris, "card_retire", card.pk)
    card.refresh_from_db()
    assert (card.role, card.person, card.phone, card.email, card.note) == ("Duty manager", "", "", "", "")
    assert "Nobody yet" in page(office.anna, "card_list", office.live.pk)
    with pytest.raises(Refused, match="retired"):
        desks.change(card, {"phone": "1"}, by=office.boris)


def test_whom_a_retired_warden_asked_the_next_above_asks(office: Office) -> None:
    top = office.card("North")
    middle = office.card("Quarter", parent=top)
    leaf = office.card("Street", parent=middle)
    desks.retire(middle, by=office.boris)
    leaf.refresh_from_db()
    assert leaf.parent == top


def test_a_drill_s_card_has_no_telephone(office: Office) -> None:
    with pytest.raises(Refused, match="nobody real"):
        desks.add(office.drill, {"role": "Warden", "phone": "+20"}, by=office.boris)
    assert 'name="phone"' not in page(office.boris, "card_list", office.drill.pk)
    with pytest.raises(Error, match="nobody real"):
        Card.objects.create(account=office.drill, role="Warden", email="a@b.example")


def test_an_account_of_a_machine_has_no_cards(office: Office) -> None:
    vk = world.account()
    expect_status(404, office.boris, "card_list", vk.pk)
    with pytest.raises(Refused, match="Only a duty desk"):
        desks.add(vk, {"role": "Warden"}, by=office.boris)
