"""How long a log-in lasts, who ends it, and that nothing a person was doing is lost or done twice by its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from crisis.browsers import browser_name
from crisis.models import AuditEntry, Session, User
from crisis.power import changing
from crisis.session_store import BEGAN, SEEN
from messaging.models import Campaign, Status
from tests import world
from tests.desk import Desk, url
from tests.test_doors import PUBLIC, ROUTES, VERBS
from tests.visits import proof, remember
from tests.world import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]
Browser = Callable[[User], Client]
IDLE, LONG, SOON = 31 * 60, 12 * 3600 + 60, 11 * 3600 + 45 * 60


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def anna() -> User:
    return world.known(world.person("anna", "operator"))


def left_alone(client: Client, seconds: float) -> None:
    remember(client, **{SEEN: time.time() - seconds})


def logged_in(client: Client, ago: float) -> None:
    remember(client, **{BEGAN: time.time() - ago, SEEN: time.time()})


def location(answer: Any) -> str:
    return str(answer.headers.get("Location", ""))


def is_in(client: Client) -> bool:
    return client.get(reverse("coverage")).status_code == 200


def test_it_ends_after_half_an_hour_without_the_person(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    left_alone(client, IDLE)
    answer = client.get("/coverage/", follow=True)
    assert answer.redirect_chain[0][0] == "/login/?next=/coverage/"
    assert "nobody used it for 30 minutes" in answer.content.decode()


def test_polls_do_not_keep_it_open(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    left_alone(client, 29 * 60)
    seen = client.session[SEEN]
    assert client.get("/", headers={"X-Poll": "1", "HX-Request": "true"}).status_code == 200
    assert client.session[SEEN] == seen
    left_alone(client, IDLE)
    assert client.get("/", headers={"X-Poll": "1", "HX-Request": "true"}).status_code == 302


def test_a_person_keeps_it_open(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    left_alone(client, 29 * 60)
    client.get("/coverage/")
    assert time.time() - client.session[SEEN] < 60


def test_it_ends_after_twelve_hours_of_work(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    logged_in(client, LONG)
    assert "Your session ended after 12 hours" in client.get("/coverage/", follow=True).content.decode()


def test_it_warns_half_an_hour_before_its_end_and_a_proof_begins_another_twelve_hours(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    assert "Your session ends at" not in client.get("/coverage/").content.decode()
    logged_in(client, SOON)
    page = client.get("/coverage/").content.decode()
    assert "Your session ends at" in page
    assert "/reauthenticate/?next=/coverage/" in page
    old = client.session.session_key
    assert location(client.post("/reauthenticate/", {"password": PASSWORD, "next": "/coverage/"})) == "/coverage/"
    assert "Your session ends at" not in client.get("/coverage/").content.decode()
    assert client.session.session_key != old


@pytest.mark.parametrize("who", ["at_author", "at_chief"])
def test_it_never_ends_while_what_its_person_began_or_approved_is_being_sent(desk: Desk, who: str) -> None:
    client, campaign = getattr(desk, who), desk.sending()
    logged_in(client, LONG)
    assert "It stays open until the campaign" in client.get(url(campaign, "live/")).content.decode()
    client.post(url(campaign, "stop/"))
    assert Campaign.objects.get(pk=campaign.pk).status == Status.STOPPED
    assert not is_in(client)


def test_it_ends_for_others_while_something_is_being_sent(desk: Desk, client_of: Browser) -> None:
    desk.sending()
    other = client_of(world.person("vera", "operator"))
    logged_in(other, LONG)
    assert not is_in(other)


def test_a_stop_by_an_ended_session_leads_to_the_same_stop(desk: Desk) -> None:
    campaign = desk.sending()
    left_alone(desk.at_author, IDLE)
    stop = url(campaign, "stop/")
    assert location(desk.at_author.post(stop)) == f"/login/?next={stop}"
    assert Campaign.objects.get(pk=campaign.pk).status == Status.SENDING


@pytest.mark.parametrize(("path", "referer", "page"), [
    ("/campaigns/7/approve/", "http://testserver/campaigns/7/decision/", "/campaigns/7/decision/"),
    ("/campaigns/7/approve/", "http://testserver/campaigns/7/approve/", "/campaigns/7/"),
    ("/campaigns/7/approve/", "", "/campaigns/7/"),
    ("/incidents/declare/", "http://testserver/incidents/declare/?drill", "/incidents/declare/?drill"),
    ("/incidents/7/log/", "https://evil.example/incidents/", "/incidents/7/"),
    ("/incidents/7/log/", "//evil.example/", "/incidents/7/"),
    ("/incidents/7/log/", "javascript:alert(1)", "/incidents/7/"),
])  # fmt: skip
def test_a_form_of_an_ended_session_leads_back_to_a_page_that_opens(path: str, referer: str, page: str) -> None:
    answer = Client().post(path, headers={"Referer": referer})
    assert location(answer).replace("%3F", "?") == f"/login/?next={page}"


def test_a_session_from_before_the_log_in_is_another_one_after_it(anna: User) -> None:
    client = Client()
    remember(client, planted="by somebody else")
    before = client.session.session_key
    client.post(reverse("account_login"), {"login": "anna", "password": PASSWORD})
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_a_log_out_ends_the_session_on_the_server(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    cookie = client.cookies["sessionid"].value
    client.post(reverse("account_logout"))
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert not is_in(thief)


def test_a_new_password_ends_the_other_sessions(anna: User, client_of: Browser) -> None:
    here, elsewhere, new = client_of(anna), client_of(anna), "another sentence of mine"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post(reverse("account_change_password"), form)
    assert (is_in(here), is_in(elsewhere)) == (True, False)


def test_a_changed_second_step_ends_the_other_sessions_and_is_written_down(client_of: Browser) -> None:
    boris = world.person("boris", "supervisor")
    here, elsewhere = client_of(boris), client_of(boris)
    here.post(reverse("mfa_deactivate_totp"))
    assert [row.session_key for row in Session.objects.filter(user=boris)] == [here.session.session_key]
    assert not is_in(elsewhere)
    assert AuditEntry.objects.filter(action="person.second_step", by=boris).exists()


@pytest.mark.parametrize("change", ["role", "deactivated"])
def test_a_changed_role_and_a_deactivation_end_every_session(anna: User, client_of: Browser, change: str) -> None:
    client = client_of(anna)
    if change == "role":
        gleb, inna = world.person("gleb", "admin"), world.person("inna", "admin")
        data = {"roles": ["auditor"], "mission": None}
        changing.confirm(changing.propose("person.roles", person=anna, data=data, why="a new task", by=gleb), by=inna)
    else:
        anna.is_active = False
        anna.save()
    assert (is_in(client), Session.objects.filter(user=anna).count()) == (False, 0)


def test_it_lists_where_a_person_is_logged_in(anna: User, client_of: Browser) -> None:
    here, elsewhere = client_of(anna), client_of(anna)
    remember(elsewhere, browser="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", address="192.0.2.7")
    page = here.get(reverse("session_list")).content.decode()
    assert [word for word in ("Firefox, Windows", "192.0.2.7", "this one") if word not in page] == []
    assert str(elsewhere.session.session_key) not in page


def test_a_person_ends_one_of_their_sessions(anna: User, client_of: Browser) -> None:
    here, elsewhere = client_of(anna), client_of(anna)
    mark = Session.objects.get(session_key=elsewhere.session.session_key).mark
    here.post(reverse("session_end"), {"mark": mark})
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert AuditEntry.objects.get(action="session.end").by == anna


def test_a_person_ends_all_their_other_sessions(anna: User, client_of: Browser) -> None:
    here, elsewhere, another = client_of(anna), client_of(anna), client_of(anna)
    here.post(reverse("session_end"), {"others": "1"})
    assert (is_in(here), is_in(elsewhere), is_in(another)) == (True, False, False)


@pytest.mark.parametrize("mark", ["", "nonsense", "0" * 16, "\x00"])
def test_nobody_ends_the_session_of_another_person(anna: User, client_of: Browser, mark: str) -> None:
    boris = client_of(world.person("boris", "operator"))
    mark = mark or Session.objects.get(session_key=boris.session.session_key).mark
    assert client_of(anna).post(reverse("session_end"), {"mark": mark}).status_code == 409
    assert is_in(boris)


def test_an_administrator_ends_every_session_of_a_colleague(anna: User, client_of: Browser) -> None:
    here, elsewhere, gleb = client_of(anna), client_of(anna), world.person("gleb", "admin")
    here_too = client_of(gleb)
    answer = here_too.post(reverse("user_sessions_end", args=[anna.pk]), follow=True)
    assert "2 sessions have ended" in answer.content.decode()
    assert (is_in(here), is_in(elsewhere), is_in(here_too)) == (False, False, True)
    row = AuditEntry.objects.get(action="session.end")
    assert (row.by, row.object_id, row.data) == (gleb, str(anna.pk), {"sessions": 2})


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
def test_nobody_else_ends_the_sessions_of_a_colleague(anna: User, client_of: Browser, role: str) -> None:
    here, other = client_of(anna), client_of(world.person("other", role))
    assert other.post(reverse("user_sessions_end", args=[anna.pk])).status_code == 403
    assert is_in(here)


def test_an_administrator_ends_their_own_sessions_elsewhere(client_of: Browser) -> None:
    gleb = world.person("gleb", "admin")
    here = client_of(gleb)
    assert "Your sessions" in here.post(reverse("user_sessions_end", args=[gleb.pk])).content.decode()
    assert is_in(here)


def test_the_page_of_a_colleague_says_when_their_last_session_began(anna: User, client_of: Browser) -> None:
    dina = client_of(world.person("dina", "auditor"))
    assert "Has never logged in" in dina.get(reverse("user_detail", args=[anna.pk])).content.decode()
    client_of(anna)
    page = dina.get(reverse("user_detail", args=[anna.pk])).content.decode()
    assert ("The last session began" in page, "1 session is open now" in page, "End every" in page) == (True, True, False)


def test_every_page_offers_to_log_out(client_of: Browser) -> None:
    client, leave = client_of(world.person("gleb", "admin")), f'action="{reverse("account_logout")}"'
    alone = [name for name, takes in ROUTES.items() if not takes and name not in VERBS | PUBLIC]
    answers = {name: client.get(reverse(name)) for name in alone}
    pages = {name: answer for name, answer in answers.items() if answer.headers["Content-Type"].startswith("text/html")}
    shown = {name: answer.content.decode() for name, answer in pages.items() if answer.status_code == 200}
    shown = {name: page for name, page in shown.items() if "<html" in page}  # a part of a page stands in one
    assert [name for name, page in shown.items() if leave not in page] == []
    assert len(shown) > 20


@pytest.mark.parametrize(("agent", "name"), [
    ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 YaBrowser/25.1 Safari/537.36", "Yandex, Windows"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140", "Edge, Linux"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
    ("curl/8", "unknown browser"),
])  # fmt: skip
def test_a_browser_is_called_as_its_owner_knows_it(agent: str, name: str) -> None:
    assert browser_name(agent) == name


def test_a_second_step_of_nobody_else_is_removed(anna: User, client_of: Browser) -> None:
    theirs = world.second_factor(world.person("boris", "operator"))
    Authenticator.objects.filter(pk=theirs.pk).update(type="webauthn")
    assert client_of(anna).post(reverse("mfa_remove_webauthn", args=[theirs.pk])).status_code == 404


def test_an_old_proof_does_not_outlive_a_log_in_by_another_person(anna: User, client_of: Browser) -> None:
    client = client_of(anna)
    client.force_login(world.person("vera", "operator"))
    assert proof(anna, 0).keys() & client.session.keys() == set()
