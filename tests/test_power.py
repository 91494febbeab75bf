"""Power changes hands between two persons: the verbs, the rules of the database, and the day for which a new approver rests."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from crisis.acting import acting
from crisis.clock import now
from crisis.models import AdminAction, AuditEntry, User
from crisis.permissions import may
from crisis.power import changing
from crisis.power.kinds import KINDS
from crisis.power.resting import resting, rests_until
from crisis.refusal import Forbidden, Refused
from tests import world

pytestmark = pytest.mark.django_db
NEW = {"username": "olga", "last_name": "Петрова", "first_name": "Ольга", "email": "", "language": "ru", "mission": None}


class House:
    """Two administrators, two supervisors and an operator."""

    def __init__(self) -> None:
        self.gleb, self.inna = world.person("gleb", "admin"), world.person("inna", "admin")
        self.boris, self.vera = world.person("boris", "supervisor"), world.person("vera", "supervisor")
        self.anna = world.person("anna", "operator")

    def propose(self, kind: str = "person.roles", person: User | None = None, **data: Any) -> AdminAction:
        data = data or ({"roles": ["auditor"], "mission": None} if kind == "person.roles" else {})
        return changing.propose(kind, person=person or self.anna, data=data, why="she moved", by=self.gleb)

    def made(self, *roles: str) -> User:
        change = changing.propose("person.create", data={**NEW, "roles": [*roles]}, why="a new colleague", by=self.gleb)
        changing.confirm(change, by=self.inna)
        return User.objects.get(username="olga")


@pytest.fixture(scope="module")
def made(once: Callable[[type[House]], House]) -> House:
    return once(House)


@pytest.fixture
def house(made: House) -> House:
    return deepcopy(made)


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_nothing_changes_before_a_second_person_confirms(house: House) -> None:
    change = house.propose()
    assert (fresh(house.anna).roles, change.confirmed_by) == ({"operator"}, None)
    changing.confirm(change, by=house.inna)
    assert fresh(house.anna).roles == {"auditor"}


def test_revocation_bites_on_the_next_question(house: House) -> None:
    assert may(fresh(house.anna), "campaign.write")
    changing.confirm(house.propose(), by=house.inna)
    assert not may(fresh(house.anna), "campaign.write")


def test_both_steps_are_in_the_audit_with_who_and_why(house: House) -> None:
    changing.confirm(house.propose(), by=house.inna)
    rows = AuditEntry.objects.filter(action__startswith="power.").order_by("id")
    assert [(row.action, row.by, row.data["why"]) for row in rows] == [
        ("power.propose", house.gleb, "she moved"), ("power.confirm", house.inna, "she moved"),
    ]  # fmt: skip


def test_the_proposer_is_not_the_second_person(house: House) -> None:
    with pytest.raises(Refused, match="You proposed this"):
        changing.confirm(house.propose(), by=house.gleb)


def test_whom_it_concerns_neither_proposes_nor_confirms_nor_refuses(house: House) -> None:
    change = house.propose(person=house.inna, roles=["auditor"], mission=None)
    with pytest.raises(Refused, match="about yourself"):
        changing.confirm(change, by=house.inna)
    with pytest.raises(Refused, match="about yourself"):
        changing.refuse(change, "no", by=house.inna)
    with pytest.raises(Refused, match="about yourself"):
        changing.propose("person.reset_mfa", person=house.gleb, why="lost", by=house.gleb)


@pytest.mark.parametrize("name", ["boris", "anna"])
def test_only_administrators_propose_and_confirm(house: House, name: str) -> None:
    change, other = house.propose(), User.objects.get(username=name)
    with pytest.raises(Forbidden):
        changing.confirm(change, by=other)
    with pytest.raises(Forbidden):
        changing.propose("person.reset_mfa", person=house.vera, why="lost", by=other)


def test_an_administrator_who_lost_the_role_proposed_in_vain(house: House) -> None:
    change = house.propose()
    world.grant(house.gleb)
    with pytest.raises(Refused, match="no such right any more"):
        changing.confirm(change, by=house.inna)


def test_a_change_is_decided_once(house: House) -> None:
    change = house.propose()
    changing.confirm(change, by=house.inna)
    with pytest.raises(Refused, match="decided already"):
        changing.confirm(change, by=house.inna)
    with pytest.raises(Refused, match="decided already"):
        changing.refuse(change, "too late", by=house.inna)


def test_a_refusal_says_why_and_changes_nothing(house: House) -> None:
    change = house.propose()
    with pytest.raises(Refused, match="Say why"):
        changing.refuse(change, " ", by=house.inna)
    changing.refuse(change, "she stays", by=house.inna)
    change.refresh_from_db()
    assert (change.refusal, change.refused_by, fresh(house.anna).roles) == ("she stays", house.inna, {"operator"})


def test_a_proposal_can_be_taken_back(house: House) -> None:
    change = house.propose()
    changing.refuse(change, "a mistake", by=house.gleb)
    assert not changing.open_ones().exists()


def test_the_same_is_not_proposed_twice(house: House) -> None:
    house.propose()
    with pytest.raises(Refused, match="proposed already"):
        house.propose()


def test_it_refuses_administrator_and_supervisor_at_once(house: House) -> None:
    with pytest.raises(Refused, match="at once"):
        house.propose(roles=["admin", "supervisor"], mission=None)


def test_a_person_is_made_with_a_link_and_without_a_password(house: House) -> None:
    change = changing.propose("person.create", data={**NEW, "roles": ["operator"]}, why="new", by=house.gleb)
    assert not User.objects.filter(username="olga").exists()
    shown = changing.confirm(change, by=house.inna)
    made = User.objects.get(username="olga")
    assert shown
    assert "/" in shown.secret
    assert (made.roles, made.has_usable_password(), made.mission) == ({"operator"}, False, None)


def test_a_name_that_is_taken_is_not_proposed(house: House) -> None:
    with pytest.raises(Refused, match="already"):
        changing.propose("person.create", data={**NEW, "username": "ANNA", "roles": []}, why="new", by=house.gleb)


def test_a_lost_second_step_is_removed_by_two(house: House) -> None:
    changing.confirm(house.propose("person.reset_mfa", house.boris), by=house.inna)
    assert not Authenticator.objects.filter(user=house.boris).exists()


def test_somebody_shut_out_comes_in_again_by_two(house: House) -> None:
    changing.confirm(house.propose("person.deactivate", house.boris), by=house.inna)
    assert not fresh(house.boris).is_active
    changing.confirm(house.propose("person.activate", fresh(house.boris)), by=house.inna)
    assert fresh(house.boris).is_active


def test_a_lost_password_ends_and_a_link_makes_a_new_one(house: House) -> None:
    shown = changing.confirm(house.propose("person.reset_password", house.boris), by=house.inna)
    assert shown
    assert not fresh(house.boris).has_usable_password()


def test_every_kind_says_what_will_happen(house: House) -> None:
    for name, kind in KINDS.items():
        if name.startswith(("person.", "approver.")):
            change = AdminAction(kind=name, person=house.anna, data={**NEW, "roles": ["auditor"]})
            assert "%" not in kind.sentence(change)


# What the database itself refuses, whatever the application says.


def by_sql(statement: str, *values: Any) -> None:
    with transaction.atomic():
        world.sql(statement, *values)


ROLE = "INSERT INTO crisis_user_groups (user_id, group_id) SELECT %s, id FROM auth_group WHERE name = %s"


def test_a_role_granted_past_the_verb_is_refused(house: House) -> None:
    with pytest.raises(IntegrityError, match="two persons"), transaction.atomic():
        house.anna.groups.add(Group.objects.get(name="supervisor"))
    with pytest.raises(IntegrityError, match="two persons"):
        by_sql(ROLE, house.anna.pk, "auditor")
    with pytest.raises(IntegrityError, match="two persons"):
        by_sql("DELETE FROM crisis_user_groups WHERE user_id = %s", house.boris.pk)
    with pytest.raises(IntegrityError, match="never rewritten"):
        by_sql("UPDATE crisis_user_groups SET user_id = %s WHERE user_id = %s", house.anna.pk, house.boris.pk)


def test_a_confirmation_opens_the_roles_of_its_own_person_alone(house: House) -> None:
    changing.confirm(house.propose(), by=house.inna)
    with pytest.raises(IntegrityError, match="two persons"):
        by_sql(ROLE, house.vera.pk, "auditor")
    with pytest.raises(IntegrityError, match="two persons"):
        by_sql(ROLE, house.anna.pk, "admin")


def test_nobody_holds_both_roles_not_even_by_the_owners_hand(house: House) -> None:
    with pytest.raises(IntegrityError, match="at once"), transaction.atomic():
        world.grant(house.anna, "admin", "supervisor")


def test_nobody_lets_themselves_in_again_or_widens_what_they_see(house: House) -> None:
    world.place(house.anna, active=False)
    with pytest.raises(IntegrityError, match="in again"):
        by_sql("UPDATE crisis_user SET is_active = true WHERE id = %s", house.anna.pk)
    mission = world.mission()
    with pytest.raises(IntegrityError, match="which mission"):
        by_sql("UPDATE crisis_user SET mission_id = %s WHERE id = %s", mission.pk, house.vera.pk)


CONFIRM = "UPDATE crisis_adminaction SET confirmed_by_id = %s, confirmed_at = now() WHERE id = %s"


@pytest.mark.parametrize(("name", "said"), [("gleb", "another_person"), ("inna", "nobody_changes"), ("boris", "two active")])
def test_the_database_knows_who_may_be_the_second_person(house: House, name: str, said: str) -> None:
    change, second = house.propose("person.reset_mfa", house.inna), User.objects.get(username=name)
    with pytest.raises(IntegrityError, match=said), acting(second):
        by_sql(CONFIRM, second.pk, change.pk)


def test_nobody_confirms_in_another_name(house: House) -> None:
    change = house.propose()
    with pytest.raises(IntegrityError, match="own name"), acting(house.gleb):
        by_sql(CONFIRM, house.inna.pk, change.pk)
    with pytest.raises(IntegrityError, match="own name"):
        by_sql(CONFIRM, house.inna.pk, change.pk)


def test_a_proposal_is_never_edited_and_never_removed(house: House) -> None:
    change = house.propose()
    with pytest.raises(IntegrityError, match="never edited"), acting(house.inna):
        by_sql("UPDATE crisis_adminaction SET data = '{}', confirmed_by_id = %s WHERE id = %s", house.inna.pk, change.pk)
    with pytest.raises(Exception, match=r"permission denied|only grows"):
        by_sql("DELETE FROM crisis_adminaction")


def test_a_supervisor_proposes_no_roles_past_the_verb(house: House) -> None:
    with pytest.raises(IntegrityError, match="active administrator"), acting(house.boris), transaction.atomic():
        AdminAction.objects.create(kind="person.roles", person=house.anna, proposed_by=house.boris, why="because")


# The day for which a new approver rests.


def approve_for_good(campaign: Any, by: User) -> None:
    """As far as COMMIT, where the database looks."""
    with transaction.atomic():
        world.approve(campaign, by)
        world.sql("SET CONSTRAINTS ALL IMMEDIATE")


def submitted(house: House) -> Any:
    world.contacts([1, 2, 3])
    return world.submitted(house.anna, world.account())


def test_a_new_approver_rests_for_a_day(house: House) -> None:
    campaign, olga = submitted(house), house.made("supervisor")
    assert {*resting()} == {olga}
    assert (rests_until(olga) or now()) > now() + timedelta(hours=23)
    with pytest.raises(Refused, match="only since today"):
        world.approve(campaign, olga)


def test_the_database_lets_no_new_approver_approve(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, olga = submitted(house), house.made("supervisor")
    monkeypatch.setattr("messaging.workflow.deciding.demand_rested", lambda person: None)
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        approve_for_good(campaign, olga)


def test_a_day_later_they_approve(house: House) -> None:
    campaign = submitted(house)
    world.grant(house.vera, "supervisor", since=now() - timedelta(hours=24))
    assert world.approve(campaign, fresh(house.vera)).status == "sending"


def test_nobody_shortens_their_own_rest(house: House) -> None:
    olga = house.made("supervisor")
    by_sql("UPDATE crisis_user SET approver_since = '2000-01-01' WHERE id = %s", olga.pk)
    assert rests_until(fresh(olga))
    User.objects.filter(pk=olga.pk).update(approver_since=None)
    assert rests_until(fresh(olga))


def test_an_operator_made_an_approver_rests_as_well(house: House) -> None:
    changing.confirm(house.propose(roles=["supervisor"], mission=None), by=house.inna)
    assert rests_until(fresh(house.anna))


def test_an_administrator_and_a_supervisor_lift_the_rest_together(house: House) -> None:
    campaign, olga = submitted(house), house.made("supervisor")
    change = changing.propose("approver.lift_rest", person=olga, why="nobody else is awake", by=house.boris)
    with pytest.raises(Refused, match="administrator and a supervisor together"):
        changing.confirm(change, by=house.vera)
    changing.confirm(change, by=house.gleb)
    assert rests_until(olga) is None
    assert world.approve(campaign, olga).status == "sending"


def test_two_administrators_do_not_lift_it(house: House) -> None:
    olga = house.made("supervisor")
    change = changing.propose("approver.lift_rest", person=olga, why="quick", by=house.gleb)
    with pytest.raises(IntegrityError, match="an administrator and a supervisor"), acting(house.inna):
        by_sql(CONFIRM, house.inna.pk, change.pk)


def test_a_role_granted_anew_rests_anew(house: House) -> None:
    olga = house.made("supervisor")
    changing.confirm(changing.propose("approver.lift_rest", person=olga, why="x", by=house.boris), by=house.gleb)
    world.grant(olga)
    world.grant(olga, "supervisor", since=now() + timedelta(seconds=1))
    assert rests_until(fresh(olga))


def test_an_approver_of_a_mission_approves_nothing_of_another_country(house: House) -> None:
    campaign = submitted(house)
    vera = world.place(house.vera, mission=world.mission("TR"))
    with pytest.raises(IntegrityError, match="approval of exactly this"):
        approve_for_good(campaign, vera)
