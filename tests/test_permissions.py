"""The permission table: what it says of power, that every route asks it, and the page that shows it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from crisis.permissions import ANONYMOUS, CLIENT, NO, RIGHTS, ROLES, RULES, SIX, TABLE, TOGETHER, actions_of, may
from messaging.views.decisions import campaign_approve
from tests import visits, world
from tests.test_doors import routes

# Routes whose views name no action: the door itself, own settings, what is public, a wall screen by its key, signed platforms.
WITHOUT_ACTION = {
    "favicon",
    "register",
    "contract",
    "contract_json",
    "set_up",
    "wall",
    "wall_open",
    "healthz",
    "hook",
    "set_language",
    "account_set_password",
    "session_list",
    "session_end",
}
OTHERS = ("allauth.", "ninja.")  # their pages are a person's own access; the programs' interface has its own checks


def test_every_route_asks_the_table() -> None:
    silent = {
        pattern.name
        for pattern in routes()
        if not actions_of(pattern.callback) and not pattern.callback.__module__.startswith(OTHERS)
    }
    assert silent == WITHOUT_ACTION


def test_a_view_says_which_actions_it_demands_through_all_its_decorators() -> None:
    assert actions_of(campaign_approve) == ("campaign.approve",)


def test_every_row_has_a_right_for_each_of_the_six_and_words() -> None:
    assert [rule.action for rule in TABLE if len(rule.rights.split()) != len(SIX) or not str(rule.words)] == []
    assert {right for rule in TABLE for _role, right in rule.cells} <= {*RIGHTS}
    assert len(RULES) == len(TABLE)


def test_nobody_approves_alone_and_nobody_but_a_supervisor() -> None:
    approve = dict(RULES["campaign.approve"].cells)
    assert approve == {**dict.fromkeys(SIX, NO), "supervisor": TOGETHER}


def test_a_stranger_may_ask_for_the_health_and_bring_signed_events_alone() -> None:
    assert {rule.action for rule in TABLE if rule.of(ANONYMOUS) != NO} == {"health", "hook", "register", "contract"}


def test_a_program_may_do_only_what_is_its_own() -> None:
    assert {rule.of(CLIENT) for rule in TABLE if rule.action not in ("health", "register", "contract")} == {NO, "own"}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_exactly_what_its_column_says(role: str) -> None:
    user = world.person("anna", role)
    assert {rule.action for rule in TABLE if may(user, rule.action)} == {r.action for r in TABLE if r.of(role) != NO}


@pytest.mark.django_db
def test_whoever_holds_no_role_or_is_no_longer_active_may_nothing() -> None:
    nobody, gone = world.person("vera"), world.person("boris", "supervisor")
    gone.is_active = False
    nobody.is_superuser = nobody.is_staff = True
    assert [rule.action for rule in TABLE if may(nobody, rule.action) or may(gone, rule.action)] == []


def test_an_anonymous_person_may_nothing_through_the_table() -> None:
    assert [rule.action for rule in TABLE if may(AnonymousUser(), rule.action)] == []  # type: ignore[arg-type]


@pytest.mark.django_db
def test_the_help_page_shows_every_row_to_everybody_who_works_here() -> None:
    for role in ROLES:
        page = visits.page(world.person(f"the-{role}", role), "help_permissions")
        assert [rule.action for rule in TABLE if str(rule.words) not in page.replace("&#x27;", "'")] == []
