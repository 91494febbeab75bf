"""The interface of programs: what a key opens, what a client can do with its own, and what nobody can do here."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import jsonschema
import pytest
from django.test import Client
from django.urls import reverse

from crisis import clients
from crisis.api import Key, api
from crisis.clock import now
from crisis.models import ApiKey, Incident, Mission, Scope, User
from crisis.refusal import Refused
from messaging import workflow
from messaging.api import urls
from messaging.models import Campaign, Status
from tests import world
from tests.programs import Program, Scene, made_key, said, sentences

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]


@pytest.fixture(scope="module")
def made(once: Callable[[type[Scene]], Scene]) -> Scene:
    return once(Scene)


@pytest.fixture
def scene(made: Scene) -> Scene:
    return deepcopy(made)


def test_a_program_drafts_and_submits_and_a_person_approves(scene: Scene) -> None:
    campaign = scene.drafted()
    answer = scene.ours.post(f"campaigns/{campaign.pk}/submit")
    assert (answer.status_code, said(answer)["status"]) == (200, "submitted")
    world.approve(campaign, scene.boris)
    assert said(scene.ours.get(f"campaigns/{campaign.pk}"))["status"] == "sending"


def test_a_program_stops_its_own_alone_and_at_once(scene: Scene) -> None:
    campaign = scene.submitted()
    world.approve(campaign, scene.boris)
    answer = scene.ours.post(f"campaigns/{campaign.pk}/stop")
    assert (answer.status_code, said(answer)["campaign"]["status"]) == (200, "stopped")
    assert Campaign.objects.get(pk=campaign.pk).status == Status.STOPPED


def test_what_a_program_did_stands_in_the_log_under_its_technical_user(scene: Scene) -> None:
    campaign = scene.drafted()
    assert campaign.created_by == scene.ours.user
    assert scene.ours.user.pk in campaign.author_ids()


def test_those_who_made_a_key_are_authors_of_what_was_written_with_it(scene: Scene) -> None:
    campaign = scene.submitted()
    assert {maker.pk for maker in scene.makers} <= campaign.author_ids()
    turned = world.grant(scene.makers[1], "supervisor")
    with pytest.raises(Refused, match="another person has to approve"):
        world.approve(campaign, turned)


def test_the_words_of_a_draft_are_put_anew_and_a_language_left_out_is_removed(scene: Scene) -> None:
    campaign = scene.drafted()
    words = {"en": {"headline": "Flights suspended", "body": "Stay where you are."}}
    body = {"texts": words, "seen_at": campaign.updated_at.isoformat()}
    answer = scene.ours.call("PUT", f"campaigns/{campaign.pk}/texts", body)
    assert said(answer)["texts"] == {"en": {**words["en"], "instruction": ""}}


def test_words_put_over_a_newer_draft_are_refused(scene: Scene) -> None:
    campaign = scene.drafted()
    body = {"texts": {"ru": {"body": "Другое."}}, "seen_at": (campaign.updated_at - timedelta(seconds=1)).isoformat()}
    answer = scene.ours.call("PUT", f"campaigns/{campaign.pk}/texts", body)
    assert (answer.status_code, [field for field, _sentence in sentences(answer)]) == (409, ["seen_at"])


def test_words_of_what_was_submitted_are_not_changed(scene: Scene) -> None:
    campaign = scene.submitted()
    body = {"texts": {"ru": {"body": "Другое."}}, "seen_at": campaign.updated_at.isoformat()}
    assert scene.ours.call("PUT", f"campaigns/{campaign.pk}/texts", body).status_code == 409
    assert Campaign.objects.get(pk=campaign.pk).fingerprint() == campaign.fingerprint()


def test_a_report_tells_people_in_tens(scene: Scene) -> None:
    campaign = scene.submitted()
    world.approve(campaign, scene.boris)
    world.sql("UPDATE messaging_batch SET accepted = 3, failed = 2")
    (way,) = said(scene.ours.get(f"campaigns/{campaign.pk}/report"))["ways"]
    assert (way["people"]["total"], way["people"]["accepted"], way["people"]["failed"]) == (0, 0, 0)


def test_there_is_no_report_before_anything_was_sent(scene: Scene) -> None:
    assert scene.ours.get(f"campaigns/{scene.submitted().pk}/report").status_code == 409


OWN = ("", "/submit", "/stop", "/report", "/texts")


@pytest.mark.parametrize("part", OWN)
@pytest.mark.parametrize("whose", ["another program's", "a person's", "nobody's"])
def test_what_is_not_its_own_is_not_there(scene: Scene, whose: str, part: str) -> None:
    pk = 999_999_999
    if whose == "another program's":
        pk = scene.submitted(scene.theirs).pk
    elif whose == "a person's":
        pk = world.submitted(scene.anna, scene.account).pk
    method = "GET" if part in ("", "/report") else "PUT" if part == "/texts" else "POST"
    body = {"texts": {"ru": {"body": "Другое."}}, "seen_at": now().isoformat()} if part == "/texts" else None
    before = world.counts()
    answer = scene.ours.call(method, f"campaigns/{pk}{part}", body)
    assert (answer.status_code, world.counts()) == (404, before)


def test_a_list_holds_its_own_alone(scene: Scene) -> None:
    mine = scene.submitted()
    scene.submitted(scene.theirs)
    world.submitted(scene.anna, scene.account)
    found = said(scene.ours.get("campaigns"))
    assert ([one["id"] for one in found["campaigns"]], found["total"]) == ([mine.pk], 1)


def test_a_list_comes_in_pages(scene: Scene) -> None:
    first, second = scene.drafted(), scene.drafted()
    found = said(scene.ours.get("campaigns?page=2&per_page=1"))
    assert ([one["id"] for one in found["campaigns"]], found["total"]) == ([first.pk], 2)
    assert said(scene.ours.get("campaigns?page=3&per_page=1"))["campaigns"] == []
    assert second.pk != first.pk


@pytest.mark.parametrize("verb", ["approve", "send-back", "reject", "pause", "resume", "withdraw", "decision"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_route_decides(scene: Scene, verb: str, method: str) -> None:
    campaign = scene.submitted()
    before = world.counts()
    assert scene.ours.call(method, f"campaigns/{campaign.pk}/{verb}").status_code == 404
    assert (world.counts(), Campaign.objects.get(pk=campaign.pk).status) == (before, Status.SUBMITTED)


def test_a_program_cannot_approve_even_by_the_verb(scene: Scene) -> None:
    campaign = world.submitted(scene.anna, scene.account)
    scene.ours.user.scopes = [*Scope.values]
    with pytest.raises(Refused, match="does not allow this"):
        world.approve(campaign, scene.ours.user)


def test_a_mission_s_program_sees_the_incidents_of_its_country_alone(scene: Scene) -> None:
    mission = Mission.objects.filter(country="EG").first() or Mission.objects.create(country_id="EG", kind="embassy")
    cairo = Program("Cairo", scene.makers, mission=mission)
    elsewhere = world.incident(scene.anna, countries=("TR",))
    assert [one["id"] for one in said(cairo.get("incidents"))["incidents"]] == [scene.incident.pk]
    answer = cairo.post("campaigns", scene.draft_body(incident=elsewhere.pk))
    assert (answer.status_code, [field for field, _sentence in sentences(answer)]) == (422, ["incident"])


def test_a_closed_incident_is_not_there(scene: Scene) -> None:
    Incident.objects.filter(pk=scene.incident.pk).update(status="closed")
    assert said(scene.ours.get("incidents"))["incidents"] == []
    assert scene.ours.post("campaigns", scene.draft_body()).status_code == 422


def test_a_drill_is_drafted_as_a_drill(scene: Scene) -> None:
    drill, way = world.incident(scene.anna, drill=True), world.account(drill=True)
    answer = scene.ours.post("campaigns", scene.draft_body(incident=drill.pk, accounts=[way.pk]))
    assert (answer.status_code, said(answer)["drill"]) == (201, True)


def routes() -> list[tuple[str, Any]]:
    """(METHOD path, operation) of everything that programs can call."""
    found = []
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            found += [(f"{method} {prefix}{path}", one) for one in view.operations for method in one.methods]
    return found


def test_every_route_demands_a_scope() -> None:
    assert len(routes()) == 12
    assert [
        name for name, one in routes() if not (len(one.auth_callbacks) == 1 and isinstance(one.auth_callbacks[0], Key))
    ] == []


@pytest.mark.parametrize(("name", "operation"), routes())
def test_a_key_that_opens_all_else_does_not_open_it(scene: Scene, name: str, operation: Any) -> None:
    scopes = operation.auth_callbacks[0].scopes
    _key, text = scene.ours.make_key(*(one for one in Scope.values if one not in scopes))
    method, _space, path = name.partition(" ")
    answer = scene.ours.call(method, path.lstrip("/").replace("{int:pk}", "1"), text=text)
    assert answer.status_code == 403
    assert all(scope in answer.content.decode() for scope in scopes)


@pytest.mark.parametrize("name", [name for name, _operation in routes()])
@pytest.mark.parametrize("given", ["nothing", "a session", "a revoked key", "an expired key", "another's secret"])
def test_nothing_but_a_key_opens_it(scene: Scene, name: str, given: str) -> None:
    method, _space, path = name.partition(" ")
    web = Client()
    headers = {"Authorization": f"Bearer {scene.ours.text}"}
    if given == "a revoked key":
        clients.revoke_key(scene.ours.key, by=scene.makers[0])
    elif given == "an expired key":
        headers = {"Authorization": f"Bearer {expired(scene)}"}
    elif given == "another's secret":
        headers = {"Authorization": f"Bearer {scene.ours.text[:16]}{scene.theirs.text[16:]}"}
    else:
        headers = {}
        if given == "a session":
            web.force_login(scene.anna)
    answer = web.generic(method, f"/api/v1{path.replace('{int:pk}', '1')}", headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def expired(scene: Scene) -> str:
    ended = now() - timedelta(seconds=1)
    with patch.object(clients, "check_key"):
        return made_key(scene.ours.client, scene.makers, Scope.values, ended)[1]


def test_a_program_s_user_cannot_log_in(scene: Scene) -> None:
    assert not scene.ours.user.has_usable_password()
    assert [scene.ours.user.check_password(text) for text in ("", "!", scene.ours.text)] == [False] * 3


def test_a_key_opens_no_page_of_the_console(scene: Scene) -> None:
    answer = Client().get(reverse("campaign_list"), headers={"Authorization": f"Bearer {scene.ours.text}"})
    assert answer.headers["Location"].startswith("/login/")


def test_a_key_may_call_sixty_times_a_minute(scene: Scene) -> None:
    ApiKey.objects.filter(pk=scene.ours.key.pk).update(minute_at=now().replace(second=0, microsecond=0), minute_calls=60)
    answer = scene.ours.get("incidents")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_it_speaks_the_language_that_is_asked_for(scene: Scene) -> None:
    russian = scene.ours.get("campaigns/1", **{"Accept-Language": "ru"})
    assert russian.headers["Content-Language"] == "ru"
    assert said(scene.ours.get("campaigns/1", **{"Accept-Language": "en, ru;q=0.5"})) == {
        "problems": [{"field": "", "sentence": "There is nothing of this number that belongs to you."}]
    }


def test_no_answer_is_kept_on_the_way(scene: Scene) -> None:
    assert {scene.ours.get(path).headers["Cache-Control"] for path in ("incidents", "campaigns/1", "nowhere")} == {"no-store"}


def test_what_fails_tells_nothing_and_changes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(workflow, "draft", fail)
    before = world.counts()
    answer = scene.ours.post("campaigns", scene.draft_body())
    assert (answer.status_code, "secret" in answer.content.decode(), world.counts()) == (500, False, before)


def test_the_document_lists_every_route_and_is_for_people_alone(scene: Scene) -> None:
    assert "/login/" in Client().get("/api/v1/openapi.json").headers["Location"]
    found = said_to(scene.anna)
    listed = {f"{method.upper()} {path}" for path, one in found["paths"].items() for method in one}
    assert listed == {name.replace(" ", " /api/v1").replace("{int:pk}", "{pk}") for name, _operation in routes()}
    assert len(urls) == len(routes()) + 2  # the document itself, and what says that there is nothing


def said_to(user: User) -> Any:
    client = Client()
    client.force_login(user)
    return client.get("/api/v1/openapi.json").json()


@pytest.mark.parametrize("path", ["incidents", "campaigns", "campaigns/{pk}", "campaigns/{pk}/report", "sources"])
def test_an_answer_is_what_the_document_says(scene: Scene, path: str) -> None:
    campaign = scene.submitted()
    world.approve(campaign, scene.boris)
    document = said_to(scene.anna)
    schema = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = said(scene.ours.get(path.replace("{pk}", str(campaign.pk))))
    judge = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    assert [error.message for error in judge.iter_errors(answer)] == []
