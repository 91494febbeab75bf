"""A program at the API: a client with a key, an incident, an account and people to write to, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client

from audiences.models import Source
from crisis.clock import now
from crisis.models import FEEDING, ApiClient, ApiKey, Mission, Scope, User
from crisis.power import changing
from messaging import workflow
from messaging.models import Campaign
from tests import world

NAMES = count(1)


def made_client(name: str, makers: tuple[User, User], *, mission: Mission | None = None) -> ApiClient:
    """A client as two administrators want it."""
    data = {"name": name, "mission": mission and mission.pk}
    changing.confirm(changing.propose("api.client", data=data, why="нужно для обмена", by=makers[0]), by=makers[1])
    return ApiClient.objects.get(name=name)


def made_key(
    client: ApiClient, makers: tuple[User, User], scopes: Collection[str], ends: datetime, sources: Iterable[Source] = ()
) -> tuple[ApiKey, str]:
    """A key as two administrators want it, with its text as the second is shown it. It feeds `sources`, or the carrier."""
    fed = sorted(source.pk for source in sources or [carrier()]) if {*scopes} & {*FEEDING} else []
    data = {"client": client.pk, "scopes": sorted(scopes), "sources": fed, "expires_at": ends.isoformat()}
    shown = changing.confirm(changing.propose("api.key", data=data, why="нужно для обмена", by=makers[0]), by=makers[1])
    assert shown
    return ApiKey.objects.get(prefix=shown.secret.split("_")[1]), shown.secret


def carrier() -> Source:
    return Source.objects.get_or_create(name="Carrier", defaults={"owner": "Carrier", "legal_basis": "agreement"})[0]


class Program:
    """A client of the API. Two administrators have made its key, which opens everything a key can open."""

    def __init__(self, name: str, makers: tuple[User, User], *, mission: Mission | None = None) -> None:
        self.makers, self.web = makers, Client()
        self.client = made_client(name, makers, mission=mission)
        self.user = self.client.user
        self.key, self.text = self.make_key()

    def make_key(self, *scopes: str, sources: Iterable[Source] = ()) -> tuple[ApiKey, str]:
        wanted, ends = scopes or [*Scope.values], now() + timedelta(days=30)
        return made_key(self.client, self.makers, wanted, ends, sources)

    def call(self, method: str, path: str, body: Any = None, *, text: str = "", **headers: str) -> HttpResponse:
        """One call. A POST gets a new Idempotency-Key unless `headers` name one; a body of bytes is sent as it is."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {text or self.text}", "Idempotency-Key": f"call {next(NAMES)}", **headers}
        kind = given.pop("Content-Type", "application/json")
        answer: HttpResponse = self.web.generic(method, f"/api/v1/{path}", sent, content_type=kind, headers=given)
        return answer

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)


class Scene:
    """Two programs, an operator and a supervisor, an open incident, an account, five people."""

    def __init__(self) -> None:
        self.makers = world.person("gleb", "admin"), world.person("zoya", "admin")
        self.anna, self.boris = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.ours, self.theirs = Program("Embassy desk", self.makers), Program("Another desk", self.makers)
        self.incident, self.account = world.incident(self.anna), world.account()
        world.contacts([1, 2, 3, 4, 5])

    def draft_body(self, **changes: Any) -> dict[str, Any]:
        """What a good call sends; None takes a field out."""
        rule = {"op": "seen", "countries": ["EG"], "hours": 336, "until": "now", "mode": "last_seen_there"}
        body = {
            "incident": self.incident.pk,
            "texts": {"ru": {"headline": "Полёты приостановлены", "body": "Оставайтесь в гостинице."}},
            "audience_rule": {"op": "all_of", "of": [rule]},
            "accounts": [self.account.pk],
            "not_after": (now() + timedelta(hours=12)).isoformat(),
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def drafted(self, program: Program | None = None) -> Campaign:
        answer = (program or self.ours).post("campaigns", self.draft_body())
        assert answer.status_code == 201, answer.content.decode()
        return Campaign.objects.get(pk=said(answer)["id"])

    def submitted(self, program: Program | None = None) -> Campaign:
        sender = program or self.ours
        sender.user.scopes = [*Scope.values]
        return workflow.submit(self.drafted(sender), by=sender.user)


def said(answer: HttpResponse) -> Any:
    return json.loads(answer.content)


def sentences(answer: HttpResponse) -> Iterator[tuple[str, str]]:
    """(field, sentence) of every problem."""
    return ((one["field"], one["sentence"]) for one in said(answer)["problems"])
