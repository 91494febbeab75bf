"""API clients and their keys: two persons make a key, one revokes it, and the database keeps what a machine never is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from crisis import clients
from crisis.clock import now
from crisis.models import ApiClient, ApiKey, AuditEntry, Scope, User
from crisis.permissions import ANONYMOUS, CLIENT, NO, RULES, SCOPES, demand, may
from crisis.refusal import Forbidden, Refused
from tests import visits, world
from tests.stages import expect_refusal
from tests.world import sql

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)


class Makers:
    """Two administrators, a client, and a key of it that opens everything."""

    def __init__(self) -> None:
        self.gleb, self.zoya = world.person("gleb", "admin"), world.person("zoya", "admin")
        self.client = clients.create_client("Embassy desk", mission=None, by=self.gleb)
        self.key, self.text = self.make()

    def make(self, *scopes: str, lasts: timedelta = YEAR) -> tuple[ApiKey, str]:
        wanted = scopes or [*Scope.values]
        return clients.create_key(self.client, wanted, now() + lasts, proposed_by=self.gleb, by=self.zoya)


@pytest.fixture
def makers() -> Makers:
    return Makers()


def test_a_key_is_shown_once_and_only_its_hash_is_kept(makers: Makers) -> None:
    (row,) = sql("SELECT row_to_json(k)::text FROM crisis_apikey k WHERE id = %s", makers.key.pk)
    secret = makers.text.rsplit("_", 1)[1]
    assert secret not in row[0]
    assert clients.holder(makers.text) == makers.key


def test_nobody_makes_a_key_alone(makers: Makers) -> None:
    with expect_refusal("made by two persons"):
        clients.create_key(makers.client, Scope.values, now() + YEAR, proposed_by=makers.gleb, by=makers.gleb)


def test_the_database_wants_two_persons_for_a_key(makers: Makers) -> None:
    row = {"client": makers.client, "prefix": "aaaaaaaa", "scopes": ["campaigns:read"], "expires_at": now() + YEAR}
    with pytest.raises(IntegrityError, match="two_persons_make_a_key"):
        ApiKey.objects.create(proposed_by=makers.gleb, confirmed_by=makers.gleb, **row)


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
def test_only_administrators_make_and_revoke(makers: Makers, role: str) -> None:
    other = world.person("other", role)
    acts = (
        lambda: clients.create_client("Another", mission=None, by=other),
        lambda: clients.create_key(makers.client, Scope.values, now() + YEAR, proposed_by=makers.gleb, by=other),
        lambda: clients.create_key(makers.client, Scope.values, now() + YEAR, proposed_by=other, by=makers.gleb),
        lambda: clients.revoke_key(makers.key, by=other),
    )
    for act in acts:
        with pytest.raises(Forbidden):
            act()


@pytest.mark.parametrize("scopes", [[], ["campaigns:approve"], ["campaigns:read", ""]])
def test_a_key_opens_only_what_is_known(makers: Makers, scopes: list[str]) -> None:
    with expect_refusal("Choose at least one thing"):
        clients.create_key(makers.client, scopes, now() + YEAR, proposed_by=makers.gleb, by=makers.zoya)


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(days=-1), timedelta(days=400)])
def test_a_key_ends_within_a_year(makers: Makers, lasts: timedelta) -> None:
    with expect_refusal("at most 366 days"):
        makers.make(lasts=lasts)


def test_two_clients_do_not_share_a_name(makers: Makers) -> None:
    with expect_refusal("of this name already"):
        clients.create_client(" Embassy desk ", mission=None, by=makers.zoya)


def test_revoking_takes_one_person_and_bites_at_once(makers: Makers) -> None:
    clients.revoke_key(makers.key, by=makers.gleb)
    clients.revoke_key(makers.key, by=makers.zoya)
    with pytest.raises(Refused, match="revoked or has expired"):
        clients.holder(makers.text)
    assert AuditEntry.objects.filter(action="key.revoke").count() == 1


def test_a_client_whose_user_is_switched_off_has_no_key(makers: Makers) -> None:
    User.objects.filter(pk=makers.client.user_id).update(is_active=False)
    with pytest.raises(Refused, match="revoked or has expired"):
        clients.holder(makers.text)


@pytest.mark.parametrize("text", ["", "crisis_", "crisis_aaaaaaaa_", "\x00", "я" * 55, "crisis_" + "0" * 8 + "_" + "A" * 43])
def test_what_is_no_key_is_not_known(makers: Makers, text: str) -> None:
    with pytest.raises(Refused, match="not known"):
        clients.holder(text)


def test_another_secret_behind_a_true_beginning_is_not_known(makers: Makers) -> None:
    with pytest.raises(Refused, match="not known"):
        clients.holder(makers.text[:-1] + ("A" if makers.text[-1] != "A" else "B"))


def test_calls_beyond_those_of_a_minute_are_counted_and_refused(makers: Makers) -> None:
    ApiKey.objects.filter(pk=makers.key.pk).update(minute_at=now().replace(second=0, microsecond=0), minute_calls=60)
    with pytest.raises(clients.TooFast, match="60 times a minute") as refused:
        clients.count_call(makers.key)
    assert 1 <= refused.value.seconds <= 60


def test_a_machine_may_do_nothing_but_what_its_key_opens(makers: Makers) -> None:
    machine = makers.client.user
    assert {action for action in RULES if may(machine, action)} == set()
    machine.scopes = [*Scope.values]
    assert {action for action in RULES if may(machine, action)} == {*SCOPES}
    with pytest.raises(Forbidden):
        demand(machine, "campaign.approve")


def test_the_page_shows_what_a_key_opens_and_not_the_key(makers: Makers) -> None:
    page = visits.page(world.person("dina", "auditor"), "client_list")
    assert ("Embassy desk" in page, makers.key.prefix in page, "submit its own drafts" in page) == (True, True, True)
    assert (makers.text in page, makers.key.hash in page, "Revoke it" in page) == (False, False, False)


def test_an_administrator_revokes_a_key_on_the_page(makers: Makers) -> None:
    answer = visits.post(makers.gleb, "key_revoke", key=makers.key.prefix)
    assert "was revoked" in answer.content.decode()
    with pytest.raises(Refused, match="revoked or has expired"):
        clients.holder(makers.text)


def test_a_key_of_nobody_is_not_there_to_revoke(makers: Makers) -> None:
    assert [visits.post(makers.gleb, "key_revoke", key=key).status_code for key in ("", "x", "\0", "ffffffff")] == [404] * 4


def test_a_scope_opens_exactly_what_the_table_gives_to_clients() -> None:
    """Looking is opened by reading scopes at the routes themselves; what is open to anybody needs no key."""
    keyed = {rule.action for rule in RULES.values() if rule.of(CLIENT) != NO and rule.of(ANONYMOUS) == NO}
    assert keyed == {*SCOPES, "see"}


def test_the_database_gives_a_machine_no_role_and_no_password(makers: Makers) -> None:
    machine, group = makers.client.user, Group.objects.get(name="supervisor")
    with pytest.raises(IntegrityError, match="holds no role"), transaction.atomic():
        machine.groups.add(group)
    machine.set_password("correct horse battery staple")
    with pytest.raises(IntegrityError, match="no password"), transaction.atomic():
        machine.save()


def test_the_database_makes_no_person_a_machine(makers: Makers) -> None:
    with pytest.raises(IntegrityError, match="holds no role"), transaction.atomic():
        ApiClient.objects.create(name="Anna in disguise", user=world.person("anna", "operator"))
    with pytest.raises(IntegrityError, match="holds no role"), transaction.atomic():
        ApiClient.objects.filter(pk=makers.client.pk).update(user=world.person("nobody"))


@pytest.mark.parametrize(
    "change", ["scopes = '{campaigns:stop}'", "expires_at = expires_at + '1 day'", "hash = ''", "client_id = client_id + 1"]
)
def test_the_database_lets_nobody_change_a_key(makers: Makers, change: str) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        sql(f"UPDATE crisis_apikey SET {change} WHERE id = %s", makers.key.pk)


def test_the_database_lets_no_revoked_key_come_back(makers: Makers) -> None:
    clients.revoke_key(makers.key, by=makers.gleb)
    with pytest.raises(IntegrityError, match="never comes back"), transaction.atomic():
        sql("UPDATE crisis_apikey SET revoked_at = NULL WHERE id = %s", makers.key.pk)
