"""Pages of people and incidents: declaring, the verbs by POST, the audit log, logging in, the admin site."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from crisis import audit, clock
from crisis.models import AuditEntry, Country, Coverage, Incident, LogEntry, Mission, User
from crisis.views import incidents
from messaging.views import declaring

pytestmark = pytest.mark.django_db
People = Callable[..., User]
Clients = Callable[[User], Client]
DECLARED = {
    "countries": ["Egypt"],
    "category": "Transport",
    "severity": "Severe",
    "urgency": "Immediate",
    "certainty": "Observed",
}


@pytest.fixture
def operator(person: People) -> User:
    return person("anna", "operator")


@pytest.fixture
def desk(operator: User, client_of: Clients) -> Client:
    return client_of(operator)


@pytest.fixture
def incident(operator: User) -> Incident:
    row = Incident.objects.create(
        title_ru="Полёты",
        category="Transport",
        urgency="Immediate",
        severity="Severe",
        certainty="Observed",
        opened_by=operator,
    )
    row.countries.set(Country.objects.filter(pk="EG"))
    return row


def declare(desk: Client, **changes: Any) -> Any:
    return desk.post(reverse("incident_declare"), {**DECLARED, **changes})


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The database's clock, stopped for the pages."""
    at = clock.now()
    for module in (incidents, declaring):
        monkeypatch.setattr(module, "now", lambda: at)
    return at


# Declaring


def test_it_declares_an_incident_from_one_typed_field_and_opens_its_page(desk: Client) -> None:
    answer = declare(desk)
    made = Incident.objects.get()
    assert answer.headers["Location"] == reverse("incident_detail", args=[made.pk])
    assert (made.title_en, made.title_ru.split(":")[0], made.country_codes) == ("Egypt: transport", "Египет", ["EG"])


def test_it_takes_several_countries_by_either_language_or_code(desk: Client) -> None:
    declare(desk, countries=["египет", "Jordan", "il", "Turkey", ""])
    assert Incident.objects.get().country_codes == ["EG", "IL", "JO", "TR"]


def test_it_promises_the_next_update_by_the_clock_of_the_database(desk: Client, instant: datetime) -> None:
    declare(desk, minutes="30")
    assert Incident.objects.get().next_update_at == instant + timedelta(minutes=30)


def test_it_declares_nothing_without_a_place_and_says_so_beside_the_field(desk: Client) -> None:
    answer = declare(desk, countries=[])
    assert (answer.status_code, Incident.objects.count()) == (422, 0)
    assert 'href="#id_countries"' in answer.content.decode()


def test_it_keeps_what_was_typed_when_a_country_is_unknown(desk: Client) -> None:
    page = declare(desk, countries=["Egipt"], hotline="+20 100").content.decode()
    assert "No country is called “Egipt”" in page
    assert 'value="Egipt"' in page
    assert 'value="+20 100"' in page


def test_it_wants_the_source_and_the_date_of_an_estimate(desk: Client) -> None:
    page = declare(desk, estimate_people="45000").content.decode()
    assert page.count("reports will quote them") == 4
    declare(desk, estimate_people="45000", estimate_source="Rosturizm", estimate_at="2015-11-06")
    assert Incident.objects.get().estimate_people == 45000


def test_it_asks_how_bad_in_words_and_leaves_the_codes_in_a_fold(desk: Client) -> None:
    page = desk.get(reverse("incident_declare")).content.decode()
    assert "<b>Lives are in danger</b>" in page
    assert page.index("<code>Extreme</code>") > page.index("alert standard (CAP)")


def test_it_frames_a_drill_and_names_it_on_the_button(desk: Client) -> None:
    page = desk.get(reverse("incident_declare"), {"drill": ""}).content.decode()
    assert 'class="drill inside' in page
    assert "Declare the drill" in page


@pytest.mark.parametrize(("query", "drill"), [("", False), ("?drill", True)])
@pytest.mark.parametrize("typed", [{}, {"drill": "on"}, {"drill": ""}])
def test_only_the_address_decides_whether_a_drill_is_declared(
    desk: Client, query: str, drill: bool, typed: dict[str, str]
) -> None:
    desk.post(reverse("incident_declare") + query, {**DECLARED, **typed})
    assert Incident.objects.get().drill is drill


def test_a_refused_drill_is_still_framed_as_one(desk: Client) -> None:
    page = desk.post(f"{reverse('incident_declare')}?drill", {**DECLARED, "countries": []}).content.decode()
    assert 'class="drill inside' in page
    assert "Declare the drill" in page


def test_the_live_form_and_the_drill_form_lead_to_each_other_and_keep_their_own_drafts(desk: Client) -> None:
    address = reverse("incident_declare")
    live, drill = (desk.get(address + query).content.decode() for query in ("", "?drill"))
    assert f'<a href="{address}?drill">Prepare a drill instead</a>' in live
    assert f'<a href="{address}">Declare a real incident instead</a>' in drill
    assert 'data-keep="declare"' in live
    assert 'data-keep="declare-drill"' in drill
    assert 'name="drill"' not in live + drill


# Verbs on an incident


def test_it_adds_a_line_to_the_log(desk: Client, incident: Incident) -> None:
    answer = desk.post(reverse("incident_note", args=[incident.pk]), {"text": "The desk in Hurghada is open."})
    assert answer.status_code == 302
    assert LogEntry.objects.get().text == "The desk in Hurghada is open."


def test_it_says_why_an_empty_line_was_not_added_and_leads_back(desk: Client, incident: Incident) -> None:
    answer = desk.post(
        reverse("incident_note", args=[incident.pk]), {"text": " "}, headers={"referer": "http://testserver/incidents/7/"}
    )
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "an empty line was not added" in page
    assert 'href="http://testserver/incidents/7/"' in page


def test_it_never_leads_back_to_a_stranger(desk: Client, incident: Incident) -> None:
    answer = desk.post(reverse("incident_note", args=[incident.pk]), headers={"referer": "http://evil.example/"})
    assert "evil.example" not in answer.content.decode()


def test_it_sets_and_takes_back_the_next_update(desk: Client, incident: Incident, instant: datetime) -> None:
    address = reverse("incident_next_update", args=[incident.pk])
    desk.post(address, {"minutes": "60"})
    incident.refresh_from_db()
    assert incident.next_update_at == instant + timedelta(hours=1)
    desk.post(address, {"minutes": ""})
    incident.refresh_from_db()
    assert incident.next_update_at is None


def test_it_refuses_a_next_update_that_is_no_choice(desk: Client, incident: Incident) -> None:
    assert desk.post(reverse("incident_next_update", args=[incident.pk]), {"minutes": "-5"}).status_code == 409


def test_it_moves_an_incident_and_refuses_to_open_a_closed_one(desk: Client, incident: Incident) -> None:
    address = reverse("incident_status", args=[incident.pk])
    assert desk.post(address, {"status": "closed"}).status_code == 302
    assert desk.post(address, {"status": "open"}).status_code == 409
    incident.refresh_from_db()
    assert incident.status == "closed"


def test_it_refuses_a_status_that_does_not_exist(desk: Client, incident: Incident) -> None:
    assert desk.post(reverse("incident_status", args=[incident.pk]), {"status": "forgotten"}).status_code == 409


@pytest.fixture
def mission() -> Mission:
    return Mission.objects.create(
        country_id="EG", kind="embassy", name_ru="Посольство", name_en="Embassy", city_ru="Каир", city_en="Cairo"
    )


def test_it_ticks_a_mission_with_the_link_of_its_post(desk: Client, incident: Incident, mission: Mission) -> None:
    desk.post(reverse("incident_coverage", args=[incident.pk, mission.pk]), {"posted": "on", "link": "vk.com/wall-1_2"})
    assert Coverage.objects.values_list("posted", "link").get() == (True, "https://vk.com/wall-1_2")


def test_it_refuses_a_link_that_is_not_an_address(desk: Client, incident: Incident, mission: Mission) -> None:
    answer = desk.post(
        reverse("incident_coverage", args=[incident.pk, mission.pk]), {"posted": "on", "link": "javascript:alert(1)"}
    )
    assert (answer.status_code, Coverage.objects.count()) == (409, 0)


# Who may

POSTS = [
    ("incident_note", 1),
    ("incident_next_update", 1),
    ("incident_status", 1),
    ("incident_coverage", 2),
    ("audit_verify", 0),
]


@pytest.mark.parametrize(("name", "numbers"), POSTS)
def test_it_changes_nothing_by_get(desk: Client, name: str, numbers: int) -> None:
    assert desk.get(reverse(name, args=[1] * numbers)).status_code == 405


@pytest.mark.parametrize("role", ["admin", "auditor"])
@pytest.mark.parametrize(("name", "numbers"), [*POSTS[:4], ("incident_declare", 0)])
def test_it_lets_only_the_duty_write_incidents(person: People, client_of: Clients, role: str, name: str, numbers: int) -> None:
    assert client_of(person("vera", role)).post(reverse(name, args=[1] * numbers)).status_code == 403


@pytest.mark.parametrize("name", ["incident_declare", "audit_list", "situation"])
def test_it_sends_a_stranger_to_the_login_and_back(client: Client, name: str) -> None:
    assert client.get(reverse(name)).headers["Location"] == f"{reverse('account_login')}?next={reverse(name)}"


def test_it_has_no_page_to_sign_up_or_to_reset_a_password(client: Client) -> None:
    assert [client.get(address).status_code for address in ("/signup/", "/accounts/signup/", "/password/reset/")] == [404] * 3


# Audit


@pytest.fixture
def auditor(person: People, client_of: Clients) -> Client:
    return client_of(person("olga", "auditor"))


def write(action: str, by: User | None = None, about: Any = None) -> AuditEntry:
    return audit.record(action, by=by, about=about, data={"round": 1})


def test_it_tells_who_did_what_in_words(auditor: Client, operator: User, incident: Incident) -> None:
    write("incident.declare", operator, incident)
    page = auditor.get(reverse("audit_list")).content.decode()
    assert re.search(r'declared an incident.*Anna · incident \d+ · <span class="code">round: 1', page, re.DOTALL)


def test_it_shows_no_data_to_a_supervisor(person: People, client_of: Clients) -> None:
    write("incident.note")
    page = client_of(person("boris", "supervisor")).get(reverse("audit_list")).content.decode()
    assert "added to the situation log" in page
    assert "round: 1" not in page


def test_it_hides_the_log_from_operators(desk: Client) -> None:
    assert desk.get(reverse("audit_list")).status_code == 403
    assert reverse("audit_list") not in desk.get(reverse("incident_declare")).content.decode()


@pytest.mark.parametrize(
    ("query", "found"), [({"who": "anna"}, 1), ({"action": "incident.note"}, 2), ({"about": "crisis.incident:77"}, 0), ({}, 3)]
)
def test_it_filters_by_the_address_of_the_page(auditor: Client, operator: User, query: dict[str, str], found: int) -> None:
    write("incident.note", operator)
    write("incident.note")
    write("incident.move")
    assert auditor.get(reverse("audit_list"), query).context["page"].paginator.count == found


def test_it_filters_by_days_of_the_installation(auditor: Client) -> None:
    at = write("incident.note").at.astimezone(ZoneInfo(settings.TIME_ZONE))
    today, tomorrow = at.date(), at.date() + timedelta(days=1)
    count = [
        auditor.get(reverse("audit_list"), query).context["page"].paginator.count
        for query in ({"since": today, "until": today}, {"since": tomorrow}, {"until": today - timedelta(days=1)})
    ]
    assert count == [1, 0, 0]


def test_it_shows_fifty_entries_a_page_and_keeps_the_filter(auditor: Client) -> None:
    for _n in range(51):
        write("incident.note")
    answer = auditor.get(reverse("audit_list"), {"action": "incident.note"})
    assert len(answer.context["entries"]) == 50
    assert "?action=incident.note&amp;page=2" in answer.content.decode()


def test_it_verifies_the_chain_and_shows_its_head(auditor: Client) -> None:
    newest = write("incident.note")
    newest.refresh_from_db()
    page = auditor.post(reverse("audit_verify")).content.decode()
    assert "The log holds together" in page
    assert newest.hash in page


def test_it_says_when_a_noted_hash_is_gone(auditor: Client) -> None:
    write("incident.note")
    page = auditor.post(reverse("audit_verify"), {"head": "f" * 64}).content.decode()
    assert "does not hold together" in page
    assert "rows at its end were removed" in page


# Logging in, language, health


def test_it_logs_in_by_name_and_leads_back(client: Client) -> None:
    User.objects.create_user("anna", password="correct horse battery staple")
    form = {"login": "anna", "password": "correct horse battery staple", "next": "/coverage/"}
    assert client.post(reverse("account_login"), form).headers["Location"] == "/coverage/"


def test_it_says_that_the_login_failed_and_asks_again(client: Client) -> None:
    page = client.post(reverse("account_login"), {"login": "anna", "password": "guess"}).content.decode()
    assert "You are not logged in." in page or "error-summary" in page
    assert "data-unsaved" in page


def test_it_remembers_the_language_of_a_person(desk: Client, operator: User) -> None:
    desk.post(reverse("set_language"), {"language": "ru"})
    operator.refresh_from_db()
    assert operator.language == "ru"
    desk.post(reverse("set_language"), {"language": "xx"})
    operator.refresh_from_db()
    assert operator.language == "ru"


def test_it_switches_the_language_of_a_stranger(client: Client) -> None:
    client.post(reverse("set_language"), {"language": "en", "next": "/login/"})
    assert '<html lang="en"' in client.get(reverse("account_login")).content.decode()


def test_it_says_that_both_servers_answer(client: Client) -> None:
    assert client.get(reverse("healthz")).json() == {"database": "ok", "redis": "ok"}


def test_it_stays_up_and_says_so_without_redis(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    answer = client.get(reverse("healthz"))
    assert (answer.status_code, answer.json()["redis"]) == (200, "down")


def test_it_is_unwell_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError

    monkeypatch.setattr(connection, "cursor", gone)
    assert client.get(reverse("healthz")).status_code == 503


# The admin site


def test_it_lets_no_operator_and_no_superuser_into_the_admin_site(desk: Client, client_of: Clients) -> None:
    root = User.objects.create_superuser("root", password=None)
    assert [c.get(reverse("admin:index"), follow=True).status_code for c in (desk, client_of(root))] == [403, 403]


def test_it_shows_reference_data_to_an_auditor_but_lets_nothing_be_changed(auditor: Client, mission: Mission) -> None:
    address = reverse("admin:crisis_mission_change", args=[mission.pk])
    assert auditor.get(address).status_code == 200
    assert auditor.post(address, {"phone": "1"}).status_code == 403


def test_it_audits_a_change_of_reference_data(person: People, client_of: Clients, mission: Mission) -> None:
    chief = person("vera", "admin")
    form = {
        "country": "EG", "kind": "embassy", "name_ru": "Посольство", "name_en": "Embassy", "city_ru": "Каир",
        "city_en": "Cairo", "phone": "+20 2 1", "source": "its site",
    }  # fmt: skip
    client_of(chief).post(reverse("admin:crisis_mission_change", args=[mission.pk]), form)
    entry = AuditEntry.objects.get(action="reference.change")
    assert (entry.by, entry.object_id, len(entry.data["fields"])) == (chief, str(mission.pk), 2)


def test_it_lets_nobody_touch_the_audit_log(person: People, client_of: Clients) -> None:
    entry, chief = write("incident.note"), client_of(person("vera", "admin"))
    address = reverse("admin:crisis_auditentry_change", args=[entry.pk])
    assert [chief.get(address).status_code, chief.post(address, {}).status_code] == [200, 403]
    assert chief.get(reverse("admin:crisis_auditentry_add")).status_code == 403
    assert chief.post(reverse("admin:crisis_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
