"""The walk: every route × method × role × own or foreign object answers as the permission table says. A new route walks along.

People of the walk belong to the embassy in Egypt: their own objects are of an incident there, foreign ones of one in Turkey.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse

from audiences import uploads
from audiences.imports import FileKind
from audiences.models import Audience, Source
from crisis.clock import now
from crisis.models import Duty, Scope, User
from crisis.permissions import ANONYMOUS, CLIENT, NO, OPERATOR, ROLES, RULES, actions_of
from crisis.power import changing
from messaging import workflow
from messaging.models import Card, Receipt, Reply
from messaging.wording import Words
from messaging.workflow import preparing
from tests import visits, world
from tests.programs import made_client, made_key
from tests.test_doors import FOREIGN, PUBLIC, routes
from tests.watch import CONTACTS, _file

pytestmark = pytest.mark.django_db
BLANKS = {"ru": Words("Выезд: [страна]", "Сбор здесь: [место].", "[Что делать сейчас]")}
METHODS = ("GET", "POST", "PUT", "DELETE")
STRANGERS = {ANONYMOUS, CLIENT}  # no session: a key opens the API alone
SCOPED = ("incident_", "campaign_", "audience_", "import_", "reply_", "order_", "desk_", "playbook_use")
FORBIDDEN = "Your role does not allow this."
# Nobody sent this campaign alone, an empty form names no key, and nothing is ordered of what was not approved.
MISSING = {"campaign_review", "key_revoke", "order_detail", "order_remind", "order_waive", "order_cancel",
           "order_work", "order_sheet", "campaign_sheets", "desk_expects"}  # fmt: skip


class Ground:
    """What the walk passes: two incidents with all that hangs on them, and what belongs to no incident."""

    def __init__(self) -> None:
        self.mission, self.account, hotels = world.mission(), world.account(), world.account("manual")
        author = world.person("author", "operator")
        self.own, self.foreign = self._place(author, "EG"), self._place(author, "TR")
        self.gleb = gleb = world.person("gleb", "admin")
        rests = world.grant(world.person("vera"), "supervisor", since=now())
        self.makers = gleb, world.person("zoya", "admin")
        self.desk = made_client("Embassy desk", self.makers, mission=self.mission)
        self.others = {
            "key": self.desk.pk,
            "account": self.account.pk,
            "source": Source.objects.create(name="A carrier", owner="A carrier").pk,
            "hook": self.account.pk,
            "user": rests.pk,
            "playbook": preparing.prepare("Out", ["Transport"], preparing.Prepared(BLANKS, ["vk-direct"]), by=author).pk,
            "hotels": hotels.pk,
            "card": Card.objects.create(account=hotels, role="Duty manager").pk,
            "duty": Duty.objects.create(person=author, phone="+7", from_at=now(), until_at=now().replace(year=2100)).pk,
            "adminaction": changing.propose("approver.lift_rest", person=rests, why="nobody else", by=gleb).pk,
        }

    def _place(self, author: User, country: str) -> dict[str, int]:
        incident, version = world.incident(author, countries=(country,)), world.audience(author)
        Audience.objects.filter(pk=version.audience_id).update(incident=incident)
        campaign = workflow.draft(incident, world.content(self.account, version=version), by=author)
        receipt = Receipt.objects.create(account=self.account, event_id=country, kind="reply", at=now())
        reply = Reply.objects.create(account=self.account, receipt=receipt, campaign=campaign, text="words", key=1)
        return {"incident": incident.pk, "campaign": campaign.pk, "audience": version.audience_id, "reply": reply.pk}

    def walker(self, role: str) -> Client:
        """The browser of somebody of the embassy in this role, or of a stranger. Their own file waits to be imported."""
        if role == ANONYMOUS:
            return Client()
        if role == CLIENT:
            return Client(headers={"Authorization": f"Bearer {self._key()}"})
        user = world.place(world.person(f"the-{role}", role), mission=self.mission)
        self.own["import"] = self.foreign["import"] = FOREIGN
        if role in RULES["contacts.import"].roles:
            self.own["import"] = uploads.keep(FileKind.CONTACTS, _file("people.csv", CONTACTS), None, by=user).pk
        return visits.screen_of(user)

    def _key(self) -> str:
        """A key that opens everything a key can open."""
        return made_key(self.desk, self.makers, Scope.values, now() + timedelta(days=9))[1]

    def address(self, name: str, pattern: URLPattern, place: dict[str, int]) -> str:
        kind = name.partition("_")[0]
        known: dict[str, Any] = {**self.others, **place, "pk": place.get(kind, self.others.get(kind, FOREIGN))}
        known |= {"mission": self.mission.pk, "kind": "approver.lift_rest", "token": "x", "callee": self.others["user"]}
        known["order"] = UUID(int=1)
        if name == "playbook_use":
            known["pk"] = self.others["playbook"]
        if name == "card_list":
            known["pk"] = self.others["hotels"]
        if kind == "order" or name == "reply_read":
            known["pk"] = place["campaign"]
        return reverse(name, kwargs={key: known.get(key, FOREIGN) for key in pattern.pattern.converters})


@pytest.fixture
def ground(quiet: None, settings: Any) -> Ground:
    """Without the lines on top of every page, which say nothing of rights and cost a third of the walk."""
    (engine,) = settings.TEMPLATES
    kept = [name for name in engine["OPTIONS"]["context_processors"] if not name.startswith("messaging.")]
    settings.TEMPLATES = [{**engine, "OPTIONS": {**engine["OPTIONS"], "context_processors": kept}}]
    return Ground()


def methods_of(view: Callable[..., Any]) -> set[str]:
    """The methods that a view lets in, read from its decorator."""
    while view:
        found = inspect.getclosurevars(view).nonlocals.get("request_method_list")
        if found:
            return {*found}
        view = getattr(view, "__wrapped__", None)  # type: ignore[assignment]
    return {*METHODS}


def expected(pattern: URLPattern, role: str, method: str, *, absent: bool) -> str:
    """The answer by the table: login, method, role, absent, or in."""
    if role in STRANGERS:
        return "login"
    if method not in methods_of(pattern.callback):
        return "method"
    if any(RULES[action].of(role) == NO for action in actions_of(pattern.callback, method)):
        return "role"
    return "absent" if absent or pattern.name in MISSING else "in"


def answered(client: Client, method: str, address: str) -> str:
    """What the console answers, in the same words. Whatever the request changes is undone."""
    with transaction.atomic():
        answer = client.generic(method, address)
        transaction.set_rollback(True)
    if answer.status_code in (301, 302) and "/login/" in answer.headers["Location"]:
        return "login"
    if answer.status_code == 403:
        return "role" if FORBIDDEN in answer.content.decode() else "in"
    known = {404: "absent", 405: "method"}
    return known.get(answer.status_code, "in" if answer.status_code < 500 else "broken")


def walked(ground: Ground, role: str) -> Iterator[tuple[str, str, str]]:
    """(step, answer by the table, answer of the console) of every step of this role."""
    client = ground.walker(role)
    for pattern in routes():
        name = str(pattern.name)
        if not actions_of(pattern.callback) or (role in STRANGERS and name in PUBLIC):
            continue
        for foreign in (False, True) if name.startswith(SCOPED) and pattern.pattern.converters else (False,):
            address = ground.address(name, pattern, ground.foreign if foreign else ground.own)
            absent = foreign or str(FOREIGN) in address  # nothing of that kind lies on the ground
            # Which methods a view lets in is no matter of the role: one role tries them all.
            for method in METHODS if role == OPERATOR and not foreign else METHODS[:2]:
                step = f"{role} {method} {name}{' (foreign)' if foreign else ''}"
                yield step, expected(pattern, role, method, absent=absent), answered(client, method, address)


def test_every_route_answers_every_role_as_the_table_says(ground: Ground) -> None:
    steps = [step for role in (*ROLES, *sorted(STRANGERS)) for step in walked(ground, role)]
    surprises = [
        f"{step}: {table} by the table, {console} by the console" for step, table, console in steps if table != console
    ]
    assert surprises == [], "\n".join(surprises)
    assert len(steps) >= 1_000


def test_every_post_without_its_token_is_refused(ground: Ground) -> None:
    client = Client(enforce_csrf_checks=True)
    visits.screen_of(world.person("boris", "supervisor"), client)
    found = {str(row.name): client.post(ground.address(str(row.name), row, ground.own)).status_code for row in named()}
    # A platform signs instead; Stop from a page that is too old leads to a fresh one, and stops nothing.
    assert {name: status for name, status in found.items() if status != 403} == {"hook": found["hook"], "campaign_stop": 302}
    assert len(found) > 80


def named() -> Iterator[URLPattern]:
    """Every route, a program's excepted: it has no session that another site could use."""
    return (row for row in routes() if row.name and not row.callback.__module__.startswith("ninja."))


@pytest.mark.parametrize(("role", "name", "place"), [
    ("operator", "campaign_submit", "campaign"), ("operator", "incident_note", "incident"),
    ("supervisor", "campaign_reject", "campaign"),
])  # fmt: skip
def test_a_right_taken_away_between_the_page_and_the_click_is_gone(ground: Ground, role: str, name: str, place: str) -> None:
    client = ground.walker(role)
    assert client.get(reverse(f"{place}_detail", args=[ground.own[place]])).status_code in (200, 302)
    world.grant(User.objects.get(username=f"the-{role}"), "auditor")
    before = world.counts()
    answer = client.post(reverse(name, args=[ground.own[place]]), {"text": "words", "reason": "because"})
    assert (answer.status_code, world.counts()) == (403, before)


def test_whoever_was_shut_out_is_out_with_the_next_click(ground: Ground) -> None:
    client = ground.walker("operator")
    world.place(User.objects.get(username="the-operator"), mission=ground.mission, active=False)
    assert "/login/" in client.get(reverse("situation")).headers["Location"]
