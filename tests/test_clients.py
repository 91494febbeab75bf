"""API clients and their keys: two persons make a key, one revokes it, and the database keeps what a machine never is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client

from audiences.models import Source
from crisis import clients
from crisis.clock import now
from crisis.models import AdminAction, ApiClient, ApiKey, AuditEntry, Scope, User
from crisis.permissions import ANONYMOUS, CLIENT, NO, RULES, SCOPES, demand, may
from crisis.power import changing
from crisis.refusal import Forbidden, Refused
from tests import visits, world
from tests.programs import carrier, made_client, made_key
from tests.stages import expect_refusal
from tests.world import sql

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)
FEEDS = {"why": "x", "scopes": ["trips:write"], "sources": ["{carrier}"], "expires_at": "2098-01-01"}


class Makers:
    """Two administrators, a client, and a key of it that opens everything."""

    def __init__(self) -> None:
        self.gleb, self.zoya = world.person("gleb", "admin"), world.person("zoya", "admin")
        self.client = made_client("Embassy desk", (self.gleb, self.zoya))
        self.key, self.text = self.make()

    def alone(self, proposed_by: User, by: User, *scopes: str) -> None:
        """A key by the verb, without a proposal."""
        clients.create_key(self.client, scopes or Scope.values, [carrier().pk], now() + YEAR, proposed_by=proposed_by, by=by)

    def make(self, *scopes: str, lasts: timedelta = YEAR) -> tuple[ApiKey, str]:
        return made_key(self.client, (self.gleb, self.zoya), scopes or [*Scope.values], now() + lasts)


@pytest.fixture(scope="module")
def made(once: Callable[[type[Makers]], Makers]) -> Makers:
    return once(Makers)


@pytest.fixture
def makers(made: Makers) -> Makers:
    return deepcopy(made)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(makers: Makers) -> None:
    (row,) = sql("SELECT row_to_json(k)::text FROM crisis_apikey k WHERE id = %s", makers.key.pk)
    secret = makers.text.split("_", 2)[2]
    assert secret not in row[0]
    assert clients.holder(makers.text) == makers.key


def test_nobody_makes_a_key_alone(makers: Makers) -> None:
    with expect_refusal("made by two persons"):
        makers.alone(makers.gleb, makers.gleb)


def test_the_database_wants_two_persons_for_a_key(makers: Makers) -> None:
    row = {"client": makers.client, "prefix": "aaaaaaaa", "scopes": ["campaigns:read"], "expires_at": now() + YEAR}
    for second in (makers.gleb, makers.zoya):
        with pytest.raises(IntegrityError, match="as two persons want it, once"), transaction.atomic():
            ApiKey.objects.create(proposed_by=makers.gleb, confirmed_by=second, **row)


def test_a_confirmation_makes_one_key_and_no_other(makers: Makers) -> None:
    """The transaction that confirmed the key of these makers is still open; what it confirmed is used up."""
    kept = ("client", "scopes", "sources", "expires_at")
    same = {name: getattr(makers.key, name) for name in kept}
    with pytest.raises(IntegrityError, match="as two persons want it, once"), transaction.atomic():
        ApiKey.objects.create(prefix="aaaaaaaa", proposed_by=makers.gleb, confirmed_by=makers.zoya, **same)


def test_a_confirmation_opens_no_more_than_was_proposed(makers: Makers, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"client": makers.client.pk, "scopes": ["campaigns:read"], "expires_at": (now() + YEAR).isoformat()}
    change = changing.propose("api.key", data=data, why="to read", by=makers.gleb)
    truth, fed = clients.create_key, [carrier().pk]
    monkeypatch.setattr(clients, "create_key", lambda client, _s, _f, end, **who: truth(client, Scope.values, fed, end, **who))
    with pytest.raises(IntegrityError, match="as two persons want it, once"):
        changing.confirm(change, by=makers.zoya)


def test_the_database_wants_two_persons_for_a_client(makers: Makers) -> None:
    with pytest.raises(IntegrityError, match="as two persons want it"), transaction.atomic():
        clients.create_client("Another", mission=None, by=makers.gleb)
    with pytest.raises(IntegrityError, match="as two persons want it"), transaction.atomic():
        sql("UPDATE crisis_apiclient SET name = 'Ministry' WHERE id = %s", makers.client.pk)


def test_the_person_who_confirms_is_shown_the_key_once(makers: Makers) -> None:
    day = (now() + timedelta(days=9)).strftime("%Y-%m-%d")
    said = {"scopes": ["campaigns:read"], "expires_at": day, "why": "the desk asked"}
    page = visits.post(makers.gleb, "key_new", makers.client.pk, **said).content.decode()
    assert "another person confirms it" in page
    change = AdminAction.objects.get(why="the desk asked")
    answer = visits.post(makers.zoya, "adminaction_confirm", change.pk)
    (text,) = {found[0] for found in clients.KEY.finditer(answer.content.decode())}
    assert (clients.holder(text).scopes, answer.headers["Cache-Control"]) == (["campaigns:read"], "no-store")
    assert text not in visits.page(makers.zoya, "adminaction_detail", change.pk)
    kept = sql("SELECT data::text FROM crisis_auditentry UNION ALL SELECT data::text FROM crisis_adminaction")
    assert [row for (row,) in kept if text.split("_", 2)[2] in row] == []


def test_a_client_is_proposed_on_its_page_and_waits_for_another(makers: Makers) -> None:
    page = visits.post(makers.gleb, "client_new", name="Ministry of health", why="agreed").content.decode()
    assert ("You proposed this" in page, ApiClient.objects.count()) == (True, 1)
    assert "Ministry of health" in visits.page(makers.zoya, "client_list")
    visits.post(makers.zoya, "adminaction_confirm", AdminAction.objects.latest("pk").pk)
    assert ApiClient.objects.filter(name="Ministry of health").exists()


@pytest.mark.parametrize(("name", "said", "words"), [
    ("client_new", {"name": "Embassy desk", "why": "x"}, "of this name already"),
    ("client_new", {"name": "", "why": ""}, "Say why"),
    ("client_new", {"name": "y", "why": "x", "mission": "999999"}, "Select a valid choice"),
    ("key_new", {"why": "x"}, "Choose at least one thing"),
    ("key_new", {"why": "x", "scopes": ["campaigns:approve"], "expires_at": "2026-12-01"}, "Select a valid choice"),
    ("key_new", {**FEEDS, "sources": []}, "Choose the sources that the key may feed"),
    ("key_new", {**FEEDS, "scopes": ["campaigns:read"]}, "Choose no source"),
    ("key_new", {**FEEDS, "sources": ["999999"]}, "no such source in use"),
    ("key_new", {**FEEDS, "sources": ["{rumour}"]}, "no such source in use"),
    ("key_new", {**FEEDS, "sources": ["x"]}, "no such source in use"),
    ("key_new", FEEDS, "at most 366 days"),
    ("key_new", {**FEEDS, "expires_at": "9999-12-31"}, "between 2000 and 2099"),
    ("key_new", {**FEEDS, "expires_at": "soon"}, "This is no date"),
])  # fmt: skip
def test_a_proposal_that_cannot_be_is_said_beside_its_field(makers: Makers, name: str, said: Any, words: str) -> None:
    before = AdminAction.objects.count()
    numbers = {"carrier": carrier().pk, "rumour": Source.objects.create(name="Rumour", owner="x", legal_basis=" ").pk}
    if "sources" in said:
        said = {**said, "sources": [one.format(**numbers) for one in said["sources"]]}
    answer = visits.post(makers.gleb, name, *([makers.client.pk] if name == "key_new" else []), **said)
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert AdminAction.objects.count() == before


# Which sources a key feeds is what two persons wanted, and stays so.


def fed_by(makers: Makers, *sources: int, scopes: Sequence[str] = ("trips:write",)) -> AdminAction:
    data = {"client": makers.client.pk, "scopes": [*scopes], "sources": [*sources], "expires_at": (now() + YEAR).isoformat()}
    return changing.propose("api.key", data=data, why="to feed", by=makers.gleb)


def test_who_confirms_a_key_reads_which_sources_it_feeds(makers: Makers) -> None:
    change = fed_by(makers, carrier().pk)
    assert "It feeds these sources alone: Carrier." in visits.page(makers.zoya, "adminaction_detail", change.pk)
    changing.confirm(change, by=makers.zoya)
    assert "Feeds: Carrier" in visits.page(makers.zoya, "client_list")
    assert AuditEntry.objects.filter(action="key.create").latest("pk").data["sources"] == [carrier().pk]


def test_a_source_that_was_switched_off_meanwhile_is_given_to_no_key(makers: Makers) -> None:
    change = fed_by(makers, carrier().pk)
    Source.objects.update(active=False)
    with expect_refusal("in use and have a legal basis"):
        changing.confirm(change, by=makers.zoya)


def test_a_confirmation_feeds_no_more_than_was_proposed(makers: Makers, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Source.objects.create(name="Rumour", owner="x", legal_basis="y")
    change, both, truth = fed_by(makers, carrier().pk), [carrier().pk, other.pk], clients.create_key
    monkeypatch.setattr(clients, "create_key", lambda client, scopes, _fed, end, **who: truth(client, scopes, both, end, **who))
    with pytest.raises(IntegrityError, match="as two persons want it, once"):
        changing.confirm(change, by=makers.zoya)


@pytest.mark.parametrize(("scopes", "sources"), [
    (["trips:write"], []), (["campaigns:read"], [1]), (["trips:write"], [999_999]),
])  # fmt: skip
def test_the_database_keeps_the_sources_of_a_key_to_those_there_are(
    makers: Makers, monkeypatch: pytest.MonkeyPatch, scopes: list[str], sources: list[int]
) -> None:
    monkeypatch.setattr(clients, "_check_sources", lambda scopes, sources: None)
    change = fed_by(makers, *sources, scopes=scopes)
    with pytest.raises(IntegrityError, match="names the sources it feeds"):
        changing.confirm(change, by=makers.zoya)


def test_the_database_deletes_no_source(makers: Makers) -> None:
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        sql("DELETE FROM audiences_source")


# A key that is refused is written down: who tries doors has to be seen.


def refusals() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(action="key.refuse").order_by("id")
    return [(row.object_id, row.data["why"]) for row in rows]


def knock(text: str, path: str = "incidents") -> int:
    status: int = Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {text}"}).status_code
    return status


def test_every_fault_of_a_known_key_is_audited(makers: Makers, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, text = makers.make("campaigns:stop")
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert [knock(text), knock(wrong)] == [403, 401]
    monkeypatch.setattr("crisis.clients.now", lambda: now() + timedelta(days=400))
    assert knock(text) == 401
    monkeypatch.undo()
    User.objects.filter(pk=makers.client.user_id).update(is_active=False)
    assert knock(text) == 401
    clients.revoke_key(narrow, by=makers.gleb)
    assert knock(text) == 401
    found = ["scope", "secret", "expired", "inactive", "revoked"]
    assert refusals() == [(str(narrow.pk), why) for why in found]


def test_a_flood_of_refused_calls_is_one_row_of_the_audit(makers: Makers, monkeypatch: pytest.MonkeyPatch) -> None:
    clients.revoke_key(makers.key, by=makers.gleb)
    assert {knock(makers.text) for _ in range(5)} == {401}
    assert refusals() == [(str(makers.key.pk), "revoked")]
    monkeypatch.setattr(clients, "NOTED_FOR", timedelta(0))
    knock(makers.text)
    assert len(refusals()) == 2


def test_a_refused_key_is_in_the_log_without_its_secret(makers: Makers, caplog: pytest.LogCaptureFixture) -> None:
    clients.revoke_key(makers.key, by=makers.gleb)
    unknown = "crisis_" + "0" * 8 + "_" + "A" * 43
    with caplog.at_level("WARNING", "crisis.clients"):
        assert [knock(makers.text), knock(unknown)] == [401, 401]
    assert ["revoked" in caplog.text, "unknown" in caplog.text, makers.key.prefix in caplog.text] == [True] * 3
    assert [makers.text.split("_", 2)[2] in caplog.text, "A" * 43 in caplog.text] == [False, False]


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
def test_only_administrators_make_and_revoke(makers: Makers, role: str) -> None:
    other = world.person("other", role)
    acts = (
        lambda: clients.create_client("Another", mission=None, by=other),
        lambda: makers.alone(makers.gleb, other),
        lambda: makers.alone(other, makers.gleb),
        lambda: clients.revoke_key(makers.key, by=other),
    )
    for act in acts:
        with pytest.raises(Forbidden):
            act()


@pytest.mark.parametrize("scopes", [[], ["campaigns:approve"], ["campaigns:read", ""]])
def test_a_key_opens_only_what_is_known(makers: Makers, scopes: list[str]) -> None:
    with expect_refusal("Choose at least one thing"):
        clients.create_key(makers.client, scopes, [], now() + YEAR, proposed_by=makers.gleb, by=makers.zoya)


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
    "change",
    [
        "scopes = '{campaigns:stop}'",
        "sources = '{}'",
        "expires_at = expires_at + '1 day'",
        "hash = ''",
        "client_id = client_id + 1",
    ],
)
def test_the_database_lets_nobody_change_a_key(makers: Makers, change: str) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        sql(f"UPDATE crisis_apikey SET {change} WHERE id = %s", makers.key.pk)


def test_the_database_lets_no_revoked_key_come_back(makers: Makers) -> None:
    clients.revoke_key(makers.key, by=makers.gleb)
    with pytest.raises(IntegrityError, match="never comes back"), transaction.atomic():
        sql("UPDATE crisis_apikey SET revoked_at = NULL WHERE id = %s", makers.key.pk)
