"""A person whose language is Russian reads Russian: on every page that can be opened, and whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import UUIDConverter
from django.utils import translation

from audiences.models import Source
from crisis.models import User
from messaging.models import Order, Status
from tests.reading import expect_russian, unread
from tests.visits import screen_of
from tests.watch import KNOWN, PEOPLE, Watch

pytestmark = pytest.mark.django_db
ROLES = ("anna", "boris", "gleb", "dina")
# What Django's own admin says in English to everybody, and how languages call themselves.
UNTRANSLATED = frozenset({"True", "False", "Search", "Control", "Command", "Mac", "English"})
FILES = frozenset({"люди.csv", "адреса.csv", "ru", "en"})
NONSENSE = "?status=яя&incident=яя&drill=яя&who=яя&action=яя&since=яя&until=яя&sort=яя&page=яя"  # filters nobody offers
UNDER_WAY = {Status.APPROVED, Status.SENDING, Status.PAUSED}
UNSENT = {Status.DRAFT, Status.SUBMITTED, Status.REJECTED}


class Visit(NamedTuple):
    """One opening of a page. `who` is empty for a stranger."""

    who: str
    args: tuple[Any, ...] = ()
    query: str = ""
    status: int = 200


@pytest.fixture(autouse=True)
def _in_russian(quiet: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.LANGUAGE_CODE = "ru"
    monkeypatch.setenv("VK_MINISTRY", "a token")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """The shift, worked in Russian."""
    with translation.override("ru"):
        yield Watch()


def each(names: Iterable[str], *args: Any, query: str = "", status: int = 200) -> list[Visit]:
    return [Visit(name, args, query, status) for name in names]


def access() -> dict[str, list[Visit]]:
    """Logging in, its second step, sessions, locks and wall screens."""
    return {
        "mfa_authenticate": [Visit("", status=302)],
        "mfa_reauthenticate": each(["boris"]),
        "mfa_reauthenticate_webauthn": each(["boris"], status=302),
        "mfa_login_webauthn": [Visit("", status=302)],
        "session_list": each(ROLES),
        "client_list": [*each(["gleb", "dina"]), *each(["anna"], status=403)],
        "client_new": each(["gleb"]),
        "device_list": [*each(["gleb"]), *each(["anna"], status=403)],
        "wall": [Visit("", status=302)],
        "wall_open": [Visit("")],
        "set_up": [Visit("", (1, "token"), status=404)],
        "lock_list": [*each(["boris", "gleb"]), *each(["anna", "dina"], status=403)],
        "mfa_index": each(ROLES),
        "mfa_activate_totp": each(["anna"]),
        "mfa_deactivate_totp": each(["boris"]),
        "mfa_add_webauthn": each(["boris"]),
        "mfa_remove_webauthn": each(["boris"], 1, status=404),
        "mfa_view_recovery_codes": each(["boris"], status=404),
        "mfa_generate_recovery_codes": each(["boris"]),
    }


def pages(watch: Watch) -> dict[str, list[Visit]]:
    """Every page that can be opened, by the name of its route, as those who work with it open it."""
    incidents = [row.pk for row in (watch.incident, watch.drill_incident, watch.closed)]
    newest = watch.versions[1].audience_id
    files = (watch.checked, watch.imported, watch.under_way, watch.cancelled)
    return {
        **access(),
        "healthz": [Visit("")],
        "favicon": [Visit("", status=302)],
        "account_login": [Visit("")],
        "account_logout": each(ROLES),
        "account_reauthenticate": each(["vera"]),
        "account_change_password": each(["vera"]),
        "account_set_password": each(["anna"], status=403),
        "incident_declare": [*each(["anna", "boris"]), *each(["anna"], query="?drill")],
        "audit_list": [*each(["boris", "gleb", "dina"]), *each(["dina"], query=NONSENSE), *each(["anna"], status=403)],
        "audience_list": [*each(ROLES), *each(["anna"], query=NONSENSE), *each(["anna"], query="?q=я")],
        "audience_new": [visit for query in ("", f"?incident={incidents[0]}", f"?copy={newest}")
                         for visit in each(["anna"], query=query)],
        "place_list": [*each(["anna"]), *each(["anna"], query="?q=Антакья")],
        "audience_reach": [*each(["anna"]), *each(["anna"], query="?countries=Египет&mode=was_there&window=9&unit=days")],
        "audience_detail": [*each(ROLES, newest), *each(["anna"], newest, query="?version=1"),
                            *each(["anna"], watch.versions[2].audience_id)],
        "audience_compare": each(["anna"], newest, query="?one=1&other=2"),
        "audience_edit": [visit for version in watch.versions for visit in each(["anna"], version.audience_id)],
        "import_new": each(["anna"]),
        "import_check": [*(visit for row in files for visit in each(["anna"], row.pk)),
                         *each(["boris"], watch.checked.pk, status=404)],
        "import_progress": [visit for row in files for visit in each(["anna"], row.pk)],
        "situation": [*each(ROLES), *each(["vera"], status=403)],
        "incident_list": [*each(ROLES), *each(["anna"], query="?status=all"), *each(["anna"], query=NONSENSE)],
        "incident_detail": [visit for pk in incidents for visit in each(ROLES, pk)],
        "coverage": each(ROLES),
        "account_list": each(ROLES),
        "account_credential": each(["gleb"], watch.vk.pk),
        "account_detail": [visit for row in (watch.vk, watch.geo, watch.drill_vk, watch.hotels)
                           for visit in each(ROLES, row.pk)],
        "roster": each(ROLES),
        "waiting_line": each(ROLES),
        "shift_handover": each(ROLES),
        "people": each(["boris"]),
        "queues": each(["gleb", "dina"]), "limit_list": each(ROLES),
    }  # fmt: skip


def playbook_pages(watch: Watch) -> dict[str, list[Visit]]:
    incidents = [row.pk for row in (watch.incident, watch.drill_incident, watch.closed)]
    return {
        "campaign_review": [*each(ROLES, watch.alone.pk), *each(["anna"], watch.campaigns[Status.SENDING].pk, status=404)],
        "playbook_list": each(ROLES),
        "playbook_new": each(["anna"]),
        "playbook_detail": [visit for row in (watch.playbook, watch.new_playbook) for visit in each(ROLES, row.pk)],
        "playbook_edit": each(["anna"], watch.playbook.pk),
        "playbook_use": [*each(["anna"], incidents[0], watch.playbook.pk), *each(["anna"], incidents[1], watch.playbook.pk),
                         *each(["anna"], incidents[2], watch.playbook.pk, status=409),
                         *each(["anna"], incidents[0], watch.new_playbook.pk, status=409)],
    }  # fmt: skip


def power_pages(watch: Watch) -> dict[str, list[Visit]]:
    """Who may do what, who works here, and changes of access."""
    return {
        "help_permissions": each(ROLES),
        "user_list": each(["boris", "gleb", "dina"]),
        "user_detail": [visit for row in (watch.anna, watch.boris) for visit in each(["boris", "gleb", "dina"], row.pk)],
        "user_new": each(["gleb"]),
        "key_new": each(["gleb"], watch.desk.pk),
        "destruction_list": each(["gleb", "dina"]),
        "incident_purge": each(["gleb"], watch.closed.pk),
        "adminaction_list": each(["boris", "gleb", "dina"]),
        "adminaction_detail": [visit for row in watch.changes for visit in each(["boris", "gleb", "dina"], row.pk)],
    }  # fmt: skip


def order_of(campaign: int) -> UUID:
    return Order.objects.get(batch__campaign=campaign).pk


def campaign_pages(watch: Watch) -> dict[str, list[Visit]]:
    """The same of campaigns. A page that does not fit a campaign's status leads to the one that does."""
    every = [*watch.campaigns.values(), watch.empty_draft, watch.held, watch.drill]
    sending, draft, incident = watch.campaigns[Status.SENDING].pk, watch.campaigns[Status.DRAFT].pk, watch.incident.pk
    of_all = [visit for campaign in every for visit in each(["anna", "boris"], campaign.pk)]
    template = [each(["anna"], incident, query=f"?template={name}") for name in ("holding", "blank")]
    return {
        "campaign_list": [*each(ROLES), *each(["anna"], query=NONSENSE), *each(["anna"], query="?status=rejected&drill=yes")],
        "campaign_detail": each(["anna"], draft, status=302),
        "campaign_new": [
            *each(["anna"], incident), *each(["anna"], watch.drill_incident.pk), *template[0], *template[1],
            *each(["anna"], watch.drill_incident.pk, query="?template=drill"),
            *each(["anna"], incident, query=f"?template=update&refers_to={sending}"),
            *each(["anna"], incident, query=f"?refers_to={sending}"),
            *each(["anna"], incident, query="?template=zz", status=404),
            *each(["anna"], watch.closed.pk, status=409),
        ],
        "campaign_draft": [*each(["anna", "boris"], draft), *each(["anna"], watch.empty_draft.pk),
                           *each(["anna"], sending, status=302)],
        "campaign_preview": of_all,
        "campaign_discard": each(["anna"], draft),
        "campaign_decision": of_all,
        "campaign_told": of_all,
        "campaign_calls": [*each(["anna"], watch.held.pk), *each(["boris"], watch.campaigns[Status.SUBMITTED].pk),
                           *each(["anna"], draft, status=409)],
        "campaign_live": [Visit(who, (row.pk,), status=200 if row.status in UNDER_WAY else 302)
                          for row in every for who in ("anna", "boris")],
        "campaign_progress": of_all,
        "campaign_stop": [*each(["anna", "gleb"], sending), *each(["anna"], watch.drill.pk),
                          *each(["anna"], draft, status=409)],
        "campaign_correct": [*each(["anna", "boris"], sending), *each(["anna"], watch.campaigns[Status.SENT].pk),
                             *each(["anna"], watch.drill.pk), *each(["anna"], draft, status=409)],
        "campaign_top_up": [*each(["anna"], sending, status=409),
                            *each(["anna"], watch.campaigns[Status.SENT].pk)],
        "campaign_resend": [*each(["anna", "boris"], watch.campaigns[Status.SENT].pk),
                            *each(["anna"], draft, status=409)],
        "order_waive": each(["anna"], sending, order_of(sending)),
        "order_cancel": each(["anna", "gleb"], sending, order_of(sending)),
        "campaign_leave": [*each(["anna", "boris"], watch.campaigns[Status.SENT].pk),
                           *each(["anna"], draft, status=409)],
        "campaign_replies": [*each(["anna"], sending), *each(["anna"], watch.campaigns[Status.STOPPED].pk)],
        "campaign_report": [Visit(who, (row.pk,), status=302 if row.status in UNSENT else 200)
                            for row in every for who in ("anna", "dina")],
        "campaign_report_csv": [*each(["dina"], sending), *each(["dina"], watch.campaigns[Status.SENT].pk)],
        "campaign_report_json": each(["dina"], sending),
        "campaign_data": [Visit(who, (row.pk,), status=302 if row.status in (*UNSENT, Status.APPROVED) else 200)
                          for row in every for who in ("anna", "dina")],
        "campaign_data_json": each(["anna", "dina"], sending),
    }  # fmt: skip


def desk_pages(watch: Watch) -> dict[str, list[Visit]]:
    """Of orders, and of those that people work."""
    campaign, order = watch.by_hand.batch.campaign_id, watch.by_hand.pk
    return {
        "order_detail": [
            visit for order in Order.objects.order_by("batch") for visit in each(ROLES, order.batch.campaign_id, order.pk)
        ],
        "card_list": each(("anna", "boris", "gleb"), watch.hotels.pk),
        "card_edit": each(["boris"], watch.card.pk),
        "card_retire": each(["boris"], watch.card.pk),
        "order_work": each(["anna"], campaign, order),
        "order_sheet": each(["anna"], campaign, order),
        "campaign_sheets": each(["boris"], campaign),
        "desk_expects": each(["anna"], campaign, watch.hotels.pk),
    }


def restraint_pages(watch: Watch) -> dict[str, list[Visit]]:
    """Of drills and of exceptions."""
    sending = watch.campaigns[Status.SENDING]
    return {
        "staff_list": each(ROLES),
        "source_list": each(ROLES),
        "person_held": each(["boris", "gleb"]),
        "source_detail": [visit for source in Source.objects.all() for visit in each(ROLES, source.pk)],
        "source_new": each(["gleb"]),
        "source_edit": each(["gleb"], Source.objects.earliest("pk").pk),
        "campaign_test": [
            visit
            for row, status in ((watch.incident, 200), (watch.drill_incident, 409), (watch.closed, 409))
            for visit in each(["anna"], row.pk, status=status)
        ],
        "campaign_copy_as_live": [*each(["anna"], watch.drill.pk), *each(["anna"], sending.pk, status=409)],
        "training": each(ROLES),
        "campaign_record": each(ROLES, sending.pk),
        "exception_detail": each(ROLES, sending.exception_id),
        "exception_revoke": each(["anna"], sending.exception_id),
        "register": [Visit(""), *each(["anna"], query="?lang=ru")],
        "contract": [Visit(""), *each(["anna"], query="?lang=ru")],
        "contract_json": [Visit("")],
    }


def django_admin(watch: Watch) -> dict[str, list[Visit]]:
    """Pages of the reference data. Of a model's pages nobody is denied the sentence that denies them the rest."""
    readers = ("gleb", "dina")
    pages: dict[str, list[Visit]] = {
        "index": each(readers),
        "login": [Visit("", status=302), Visit("anna", status=403)],
        "app_list": [visit for app in ("crisis", "audiences", "messaging") for visit in each(readers, app)],
        "password_change": each(["gleb"]),
        "password_change_done": each(["gleb"]),
    }
    for model in admin.site._registry:
        name, row = f"{model._meta.app_label}_{model._meta.model_name}", model._default_manager.first()
        pages[f"{name}_changelist"] = pages[f"{name}_add"] = each(readers, status=0)
        for page in ("change", "history", "delete"):
            pages[f"{name}_{page}"] = each(readers, row.pk, status=0) if row else []
    # The browser's own words of Django, its lists for scripts, and doors that lead elsewhere.
    pages |= {"jsi18n": [], "autocomplete": [], "view_on_site": [], "logout": []}
    return {f"admin:{name}": visits for name, visits in pages.items()}


def routes(found: Iterable[Any] | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route for people with its full name. Django's admin alone has some without one: they only lead elsewhere."""
    for one in get_resolver().url_patterns if found is None else found:
        if isinstance(one, URLResolver) and one.app_name == "ninja":
            continue  # programs ask in their own language, see tests/test_api.py
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, f"{one.namespace}:" if one.namespace else space)
        elif one.name or not space:
            yield f"{space}{one.name}", one


def browser(who: str) -> Client:
    client = Client(headers={"Accept-Language": "ru"})
    if who:
        screen_of(User.objects.get(username=who), client)
    return client


def opened(name: str, visits: Iterable[Visit], browsers: Mapping[str, Client]) -> Iterator[str]:
    """What is not Russian on the pages of a route, one line a page."""
    known = KNOWN | (UNTRANSLATED if name.startswith("admin:") else FILES if name.startswith("import_") else frozenset())
    for visit in visits:
        answer = browsers[visit.who].get(reverse(name, args=visit.args) + visit.query)
        about = f"{name} {visit.query} ({visit.who or 'stranger'})"
        if visit.status and answer.status_code != visit.status:
            yield f"{about}: status {answer.status_code}"
        elif words := unread(answer, known=known):
            yield f"{about} → {' '.join(words)}"


TABLES = (pages, desk_pages, playbook_pages, power_pages, campaign_pages, restraint_pages, django_admin)


def test_every_route_is_opened_here_or_takes_posts_only(watch: Watch) -> None:
    known = {name for table in TABLES for name in table(watch)}
    gleb, lost = browser("gleb"), []
    for name, pattern in routes():
        if name not in known:
            args = [UUID(int=1) if isinstance(one, UUIDConverter) else "1" for one in pattern.pattern.converters.values()]
            if name.endswith("None") or gleb.get(reverse(name, args=args)).status_code != 405:
                lost.append(name)
    assert lost == []


@pytest.mark.parametrize("table", TABLES)
def test_every_page_is_russian(watch: Watch, table: Any) -> None:
    browsers = {who: browser(who) for who in ("", *PEOPLE)}
    expect_russian(line for name, visits in table(watch).items() for line in opened(name, visits, browsers))
