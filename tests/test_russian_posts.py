"""Whatever a Russian-speaking person types and presses is answered in Russian: refusals, errors of forms, thanks, failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy

from audiences.models import Source, StaffMember
from crisis import audit, deeds, incidents
from crisis.models import User
from messaging import bell, channels, delivery, workflow
from messaging.models import Status
from messaging.models.accounts import LABELS
from messaging.phrases import FAILURES
from messaging.standing import TROUBLE
from tests.conftest import PASSWORD
from tests.reading import expect_russian, foreign, text_of, unread
from tests.visits import screen_of
from tests.watch import KNOWN, Watch

pytestmark = pytest.mark.django_db
SOURCE = Path(channels.__file__).parent
ROOT = SOURCE.parent.parent
LONG = "ы" * 5000
CRITERIA = {"countries": ["Египет"], "mode": "was_there", "window": "14", "unit": "days"}
HEADER = {
    "contacts": "contact,language\n",
    "addresses": "contact,kind,value,subscribed,permitted,denied\n",
    "sightings": "kind,value,country,lat,lon,seen_at\n",
}
# A row for every sentence by which a cell is refused.
WRONG_ROWS = {
    "contacts": [",ru", "с-1,12", "с-2", "=1,ru", "с-3,ru", "с-3,en", f"с-4,{LONG}"],
    "addresses": ["с-1,почта,1,да,да,нет", "с-1,vk,ы,да,да,нет", "с-1,vk,1,быть может,да,нет", "с-1,phone,12,да,да,нет",
                  "с-1,email,ы,да,да,нет", "с-1,telegram,99999999999999999999,да,да,нет", "с-1,push,,да,да,нет"],
    "sightings": ["vk,1,ЕГ,27,33,2015-11-08T12:00:00+03:00", "vk,1,EG,270,33,2015-11-08T12:00:00+03:00",
                  "vk,1,EG,27,33,вчера", "vk,1,EG,27,33,2015-11-08T12:00:00"],
}  # fmt: skip
# Words of files, which are the same in every language.
COLUMNS = frozenset(name for names in HEADER.values() for name in names.strip().split(","))
ADDRESSES = frozenset({"vk", "phone", "push", "webpush", "email", "telegram", "max"})
CELLS = COLUMNS | ADDRESSES | {"ru", "en", "yes", "no", "true", "false", "name", "people.csv", "люди.csv"}
OF_DJANGO = frozenset({"True", "False", "Search"})  # what its admin says in English to everybody


class Post(NamedTuple):
    """One form sent. It is followed to where it leads; `status` is of what was answered first."""

    who: str
    name: str
    args: tuple[Any, ...]
    data: dict[str, Any]
    status: int


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(bell, "ring", lambda lanes: True)
    settings.LANGUAGE_CODE = "ru"


@pytest.fixture
def watch() -> Iterator[Watch]:
    """The shift, worked in Russian."""
    with translation.override("ru"):
        yield Watch()


def browser(who: str, **more: Any) -> Client:
    client = Client(headers={"Accept-Language": "ru"}, **more)
    if who:
        screen_of(User.objects.get(username=who), client)
    return client


def file(kind: str, content: str | bytes) -> dict[str, Any]:
    raw = content if isinstance(content, bytes) else content.encode()
    return {"kind": kind, "source": "", "file": SimpleUploadedFile("people.csv", raw, "text/csv")}


def people_and_incidents(watch: Watch) -> Iterator[Post]:
    incident, mission = watch.incident.pk, watch.mission.pk
    good = {"countries": ["Египет"], "category": "Security", "severity": "Severe", "urgency": "Expected", "certainty": "Likely"}
    yield Post("", "account_login", (), {}, 200)
    yield Post("", "account_login", (), {"login": "anna", "password": "нет"}, 200)
    yield Post("vera", "account_reauthenticate", (), {}, 200)
    yield Post("vera", "account_reauthenticate", (), {"password": "нет"}, 200)
    yield Post("vera", "account_change_password", (), {}, 200)
    for new, status in (("1", 200), ("12345678901234567890", 200), ("много слов подряд", 302)):
        fields = {"oldpassword": PASSWORD if new != "1" else "нет", "password1": new, "password2": f"{new}1"}
        yield Post("vera", "account_change_password", (), fields, 200)
        yield Post("vera", "account_change_password", (), {**fields, "password2": new}, status)
    yield Post("anna", "incident_declare", (), {}, 422)
    wrong = dict.fromkeys((*good, "minutes", "estimate_at"), "яя") | {"countries": ["Нигде"], "estimate_people": "-1"}
    yield Post("anna", "incident_declare", (), {**wrong, "title_ru": LONG, "hotline": LONG}, 422)
    yield Post("anna", "incident_declare", (), {**good, "estimate_people": "7"}, 422)
    yield Post("anna", "incident_declare", (), {**good, "minutes": "60"}, 302)
    yield Post("dina", "incident_declare", (), good, 403)
    yield from (Post("anna", "incident_note", (incident,), {"text": t}, s) for t, s in (("", 409), (LONG, 409), ("Тихо.", 302)))
    yield Post("anna", "incident_fact", (incident,), {"name_ru": "Рейс [1]", "value_ru": LONG, "kind": "phone"}, 422)
    for minutes, status in (("яя", 409), ("60", 302), ("", 302)):
        yield Post("anna", "incident_next_update", (incident,), {"minutes": minutes}, status)
    yield Post("anna", "incident_coverage", (incident, mission), {"posted": "on", "link": "яя"}, 409)
    yield Post("anna", "incident_coverage", (watch.closed.pk, mission), {"posted": "on"}, 302)
    for value, status in (("яя", 409), ("monitoring", 302), ("monitoring", 409)):
        yield Post("anna", "incident_status", (incident,), {"status": value}, status)
    yield Post("anna", "shift_take", (), {}, 302)
    yield Post("boris", "duty_plan", (), {}, 422)
    shift = {"person": watch.boris.pk, "from_at": "2099-01-01T00:00", "until_at": "2099-01-02T00:00", "order": "1"}
    for changes, status in (
        ({"until_at": "2098-01-01T00:00"}, 422),
        ({"until_at": "2099-03-01T00:00"}, 422),
        ({}, 302),
        ({}, 422),
    ):
        yield Post("boris", "duty_plan", (), {**shift, **changes}, status)
    past = {"from_at": "2001-01-01T00:00", "until_at": "2001-01-02T00:00"}
    yield Post("boris", "duty_plan", (), {**shift, **past}, 422)
    yield Post("boris", "duty_call_off", (watch.shift.pk,), {}, 302)
    yield Post("boris", "duty_call_off", (watch.shift.pk,), {}, 409)
    yield Post("dina", "audit_verify", (), {}, 200)
    yield Post("dina", "audit_verify", (), {"head": "0" * 64}, 200)
    yield Post("boris", "people", (), {}, 422)
    for kind, address, status in (("1", "ы", 422), ("2", "1", 422), ("5", "ы", 422), ("яя", "1", 422), ("1", "9999", 200)):
        yield Post("boris", "people", (), {"kind": kind, "address": address}, status)
    asked = product(("1", "20", "21", "22", "90", "104", "106", "107", "110"), ("people", "person_held"))
    yield from (Post("boris", name, (), {"kind": "1", "address": address}, 200) for address, name in asked)


def audiences(watch: Watch) -> Iterator[Post]:
    newest = watch.versions[1].audience_id
    yield Post("anna", "audience_new", (), {}, 422)
    wrong = dict.fromkeys(("mode", "window", "unit", "until", "subscribed", "allows", "incident"), "яя")
    yield Post("anna", "audience_new", (), {**wrong, "countries": ["Нигде"], "name": LONG}, 422)
    yield Post("anna", "audience_new", (), {**CRITERIA, "window": "0", "until": "1815-01-01T00:00", "name": "Все"}, 422)
    yield Post("anna", "audience_new", (), {**CRITERIA, "window": "99999", "name": "Все"}, 422)
    yield Post("anna", "audience_new", (), {**CRITERIA, "count": "1"}, 200)
    yield Post("anna", "audience_new", (), {**CRITERIA, "subscribed": "no", "allows": "vk", "name": "Все"}, 302)
    yield Post("anna", "audience_edit", (newest,), {**CRITERIA, "based_on": "1"}, 422)
    yield Post("anna", "audience_edit", (newest,), {**CRITERIA, "based_on": "2"}, 302)
    yield Post("anna", "audience_edit", (newest,), {**CRITERIA, "based_on": "3"}, 302)


def playbooks(watch: Watch) -> Iterator[Post]:
    good = {
        "name": "Шторм",
        "kind": "alert",
        "hours": "72",
        "mode": "last_seen_there",
        "ways": "vk-direct",
        "body_ru": "Шторм.",
    }
    waits, used = watch.new_playbook.pk, watch.playbook.pk
    yield Post("anna", "playbook_new", (), {}, 422)
    wrong = {"categories": "яя", "kind": "яя", "hours": "0", "mode": "яя", "ways": "яя", "headline_ru": LONG, "name": LONG}
    yield Post("anna", "playbook_new", (), wrong, 422)
    for changes in ({"ways": ""}, {"body_ru": ""}, {"body_ru": "[[место]"}):
        yield Post("anna", "playbook_new", (), {**good, **changes}, 422)
    yield Post("anna", "playbook_new", (), good, 302)
    yield Post("anna", "playbook_approve", (waits,), {"version": "1"}, 403)
    for version, status in (("яя", 409), ("1", 302), ("1", 409), ("9", 404)):
        yield Post("boris", "playbook_approve", (waits,), {"version": version}, status)
    yield Post("boris", "playbook_edit", (waits,), good, 302)
    yield Post("boris", "playbook_approve", (waits,), {"version": "1"}, 409)
    yield Post("boris", "playbook_approve", (waits,), {"version": "2"}, 403)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {}, 422)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {"ru_0": "[яя]"}, 422)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {"ru_0": "посольство"}, 302)
    submitted = watch.campaigns[Status.SUBMITTED].pk
    yield Post("anna", "campaign_break_glass", (submitted,), {}, 403)
    yield Post("boris", "campaign_review", (used,), {}, 404)
    yield Post("boris", "campaign_break_glass", (submitted,), {"seen": "яя", "glass_reason": "Никто"}, 409)
    yield Post("boris", "campaign_review", (watch.alone.pk,), {"review": "right", "review_words": "Верно."}, 403)
    yield Post("boris", "campaign_review", (watch.alone.pk,), {}, 422)
    yield Post("boris", "playbook_retire", (waits,), {}, 302)
    yield Post("boris", "playbook_retire", (waits,), {}, 409)
    yield Post("anna", "playbook_edit", (waits,), good, 409)


def files(watch: Watch) -> Iterator[Post]:
    yield Post("anna", "import_new", (), {}, 422)
    yield Post("anna", "import_new", (), {"kind": "яя", "source": "яя", "file": "яя"}, 422)
    bare = (b"", b" ", b"PK\x03\x04", HEADER["contacts"].encode(), b"contact,contact,name\n1,2,3\n")
    odd = (b'contact,language\n"1,ru\n', b'contact,language\n"1"1,ru\n', b"\xff\xfe\x00\xd8\x00\xd8\n")
    for content in (*bare, *odd):
        yield Post("anna", "import_new", (), file("contacts", content), 422)
    active, *unusable = Source.objects.order_by("pk")
    sightings = f"{HEADER['sightings']}vk,1,EG,1,1,вчера\n"
    for source in ("", *(row.pk for row in unusable)):
        yield Post("anna", "import_new", (), {**file("sightings", sightings), "source": source}, 422)
    for kind, rows in WRONG_ROWS.items():
        for row in rows:
            source = {"source": active.pk} if kind == "sightings" else {}
            yield Post("anna", "import_new", (), {**file(kind, f"{HEADER[kind]}{row}\nс-8,ru\n"), **source}, 302)
    yield Post("anna", "import_apply", (watch.imported.pk,), {}, 409)
    yield Post("anna", "import_bad", (watch.imported.pk,), {}, 410)
    yield Post("boris", "import_apply", (watch.checked.pk,), {}, 404)
    yield Post("anna", "import_apply", (watch.checked.pk,), {}, 302)
    yield Post("anna", "import_apply", (watch.under_way.pk,), {}, 409)
    yield Post("anna", "import_apply", (watch.cancelled.pk,), {}, 409)
    yield Post("boris", "import_cancel", (watch.under_way.pk,), {}, 404)
    yield Post("anna", "import_cancel", (watch.imported.pk,), {}, 409)
    yield Post("anna", "import_cancel", (watch.under_way.pk,), {}, 302)


def campaigns(watch: Watch) -> Iterator[Post]:
    draft, sending, submitted = (watch.campaigns[status].pk for status in (Status.DRAFT, Status.SENDING, Status.SUBMITTED))
    incident, empty, sent = watch.incident.pk, watch.empty_draft.pk, watch.campaigns[Status.SENT].pk
    texts = {f"{part}_{code}": LONG * 5 for part in ("headline", "body", "instruction") for code in ("ru", "en")}
    chosen = ("kind", "refers_to", "audience", "accounts", "countries", "mode", "until_now", "subscribed", "permitted")
    typed = ("link", "hours", "until", "starts_at", "not_after", "exception_expires_at")
    wrong = dict.fromkeys((*chosen, *typed), "яя") | texts
    new = {"kind": "alert", "audience": "new", "until_now": "instant", "not_after": "1815-01-01T00:00"}
    new["exception_reason"] = "Опасность"
    for name, args in (("campaign_new", incident), ("campaign_draft", empty)):
        yield Post("anna", name, (args,), {}, 422)
        yield Post("anna", name, (args,), wrong, 422)
        yield Post("anna", name, (args,), new, 422)
        yield Post("anna", name, (args,), {**new, "countries": "EG", "hours": "5", "mode": "was_there"}, 422)
        yield Post("anna", name, (args,), {"kind": "alert", "go": "count"}, 200)
    yield Post("anna", "campaign_draft", (empty,), {"kind": "update", "body_ru": LONG[:99]}, 409)
    yield Post("anna", "campaign_draft", (empty,), {"kind": "update", "seen_at": "2015-01-01T00:00:00+00:00"}, 409)
    yield Post("anna", "campaign_new", (incident,), {"kind": "update", "body_ru": "[что произошло]", "go": "preview"}, 302)
    yield Post("anna", "campaign_new", (incident,), {"kind": "alert", "body_ru": "Ждите."}, 302)
    yield Post("anna", "campaign_submit", (empty,), {}, 409)
    yield Post("anna", "campaign_submit", (sending,), {}, 409)
    yield Post("boris", "campaign_approve", (submitted,), {}, 409)
    yield Post("boris", "campaign_approve", (submitted,), {"seen": "яя", "understood": "1"}, 409)
    yield from (Post(who, "campaign_take", (submitted,), {}, n) for who, n in (("boris", 302), ("anna", 403)))
    for callee, reached, status in ((watch.boris.pk, "1", 302), (watch.boris.pk, "0", 302), (watch.anna.pk, "1", 409)):
        yield Post("anna", "campaign_called", (submitted, callee), {"reached": reached}, status)
    yield Post("boris", "campaign_send_back", (submitted,), {}, 422)
    yield Post("boris", "campaign_reject", (draft,), {"reason": "Так"}, 409)
    yield Post("boris", "campaign_reject", (sending,), {"reason": "Так"}, 409)
    yield Post("anna", "campaign_approve", (submitted,), {}, 403)
    yield Post("anna", "campaign_withdraw", (sent,), {}, 409)
    yield Post("boris", "campaign_resume", (sending,), {}, 409)
    yield Post("anna", "campaign_pause", (sending,), {}, 302)
    yield Post("boris", "campaign_resume", (sending,), {}, 302)
    yield Post("anna", "campaign_stop", (sending,), {}, 302)
    yield Post("anna", "campaign_stop", (sent,), {}, 409)
    yield Post("anna", "campaign_discard", (draft,), {}, 422)
    yield Post("anna", "campaign_discard", (submitted,), {"reason": "Так"}, 409)
    yield Post("anna", "campaign_discard", (draft,), {"reason": "Так"}, 302)
    yield Post("anna", "campaign_withdraw", (submitted,), {}, 302)
    yield Post("anna", "campaign_submit", (submitted,), {}, 302)
    yield Post("boris", "campaign_send_back", (submitted,), {"reason": "Добавьте телефон."}, 302)
    yield Post("boris", "campaign_reject", (watch.held.pk,), {"reason": "Уже не нужно."}, 302)
    yield Post("anna", "reply_read", (watch.reply.campaign_id, watch.reply.pk), {}, 302)


def corrections(watch: Watch) -> Iterator[Post]:
    draft, paused, sent = (watch.campaigns[status].pk for status in (Status.DRAFT, Status.PAUSED, Status.SENT))
    acts = [("anna top_up", sent, 409), ("anna leave", sent, 302), ("anna leave", sent, 409), ("boris resend", sent, 302),
            ("anna resend", paused, 409), ("anna correct", draft, 409), ("boris correct", paused, 302),
            ("anna correct", paused, 302), ("anna top_up", paused, 409)]  # fmt: skip
    yield from (Post(act.split()[0], f"campaign_{act.split()[1]}", (pk,), {}, status) for act, pk, status in acts)


def restraint(watch: Watch) -> Iterator[Post]:
    """Of drills, of tests, and of exceptions."""
    yield Post("anna", "campaign_test", (watch.incident.pk,), {"accounts": [watch.vk.pk]}, 422)
    for address, status in (("ы", 422), ("1900000001", 302)):
        yield Post("boris", "staff_list", (), {"name": "Инженер", "kind": "1", "address": address}, status)
    yield Post("anna", "campaign_test", (watch.incident.pk,), {"accounts": [watch.vk.pk]}, 302)
    empty = {"source_edit": (pk := Source.objects.latest("pk").pk,), "source_new": (), "person_held": (), "person_forget": ()}
    yield from (Post("gleb", name, args, {}, 422) for name, args in empty.items())
    yield from (Post("boris", "source_switch", (pk,), {"on": on}, n) for on, n in (("", 422), ("yes", 409), ("no", 302)))
    yield from (Post("boris", "staff_remove", (StaffMember.objects.get().pk,), {}, status) for status in (302, 409))
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {}, 422)
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {"incident": watch.drill_incident.pk}, 422)
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {"incident": watch.incident.pk}, 302)
    exception = watch.campaigns[Status.SENDING].exception_id
    yield Post("boris", "exception_renew", (exception,), {"hours": "99", "reason": ""}, 422)
    yield Post("boris", "exception_renew", (exception,), {"hours": "9", "reason": "Опасность сохраняется."}, 403)
    yield Post("dina", "exception_note", (exception,), {}, 302)
    yield Post("anna", "exception_revoke", (exception,), {}, 422)
    yield Post("anna", "exception_revoke", (exception,), {"reason": "Опасности больше нет."}, 302)


def accounts(watch: Watch) -> Iterator[Post]:
    for reason, status in (("", 409), (LONG, 409), ("Проверяем подпись.", 302), ("Снова", 409)):
        yield Post("boris", "account_pause", (watch.vk.pk,), {"reason": reason}, status)
    yield Post("boris", "account_resume", (watch.vk.pk,), {}, 302)
    yield Post("boris", "account_resume", (watch.vk.pk,), {}, 409)
    yield Post("boris", "account_test", (watch.vk.pk,), {}, 302)
    yield Post("anna", "account_pause", (watch.vk.pk,), {"reason": "Так"}, 403)


def power(watch: Watch) -> Iterator[Post]:
    made, _refused, lift, roles = (change.pk for change in watch.changes)
    yield Post("gleb", "user_new", (), {}, 422)
    new = {"username": "anna", "last_name": "Ы", "first_name": "Ы", "language": "ru", "why": "Надо."}
    new |= {"roles": ["admin", "supervisor"]}
    yield Post("gleb", "incident_purge", (watch.closed.pk,), {}, 422)
    yield Post("gleb", "incident_purge", (watch.incident.pk,), {"why": "Надо."}, 409)
    yield Post("anna", "incident_purge", (watch.closed.pk,), {"why": "Надо."}, 403)
    yield Post("gleb", "user_new", (), new, 422)
    yield Post("gleb", "user_new", (), {**new, "roles": ["auditor"]}, 422)
    yield Post("gleb", "user_new", (), {**new, "roles": ["auditor"], "username": "oleg"}, 302)
    yield Post("anna", "user_new", (), new, 403)
    for kind, status in (("person.reset_mfa", 302), ("person.reset_mfa", 409), ("person.activate", 409), ("person.roles", 409)):
        yield Post("gleb", "user_propose", (watch.boris.pk, kind), {"why": "Надо."} if kind != "person.roles" else {}, status)
    yield Post("gleb", "user_propose", (watch.boris.pk, "approver.lift_rest"), {"why": "Надо."}, 409)
    yield Post("gleb", "user_propose", (watch.people["gleb"].pk, "person.reset_password"), {"why": "Надо."}, 403)
    yield Post("boris", "user_propose", (watch.anna.pk, "person.reset_mfa"), {"why": "Надо."}, 403)
    for who, pk, status in (("gleb", roles, 403), ("boris", roles, 403), ("inna", lift, 403), ("inna", made, 409)):
        yield Post(who, "adminaction_confirm", (pk,), {}, status)
    yield Post("inna", "adminaction_refuse", (roles,), {}, 409)
    yield Post("boris", "adminaction_confirm", (lift,), {}, 302)
    yield Post("inna", "adminaction_confirm", (roles,), {}, 302)
    yield Post("inna", "adminaction_refuse", (roles,), {"reason": "Поздно."}, 409)


def reference_data(watch: Watch) -> Iterator[Post]:
    lanes = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}
    for name in ("messaging_account", "crisis_country", "crisis_mission"):
        yield Post("gleb", f"admin:{name}_add", (), lanes, 200)
    account = {"slug": "vk-direct", "label": "ВК", "handle": "1", "secret_name": "VK_MINISTRY", "drill": "on", "rate": "99"}
    yield Post("gleb", "admin:messaging_account_add", (), {**lanes, **account, "mission": watch.mission.pk}, 200)
    yield Post("gleb", "admin:crisis_country_add", (), {"code": "EG"}, 200)
    yield Post("gleb", "admin:crisis_country_delete", ("EG",), {"post": "yes"}, 200)


def answered(posts: Iterator[Post]) -> Iterator[str]:
    """What is not Russian in the answers, one line a form. A form that a browser sends is never empty."""
    for post in posts:
        cache.clear()  # allauth counts attempts there
        answer = browser(post.who).post(reverse(post.name, args=post.args), {"sent": "1", **post.data}, follow=True)
        first = answer.redirect_chain[0][1] if answer.redirect_chain else answer.status_code
        about = f"{post.name} {str(post.data)[:70]} ({post.who or 'stranger'})"
        if first != post.status:
            yield f"{about}: status {first}"
        more = CELLS if post.name.startswith("import") else OF_DJANGO if ":" in post.name else frozenset()
        if words := unread(answer, known=KNOWN | more):
            yield f"{about} → {' '.join(words)}"


OF_CAMPAIGNS = [playbooks, campaigns, corrections, restraint]


@pytest.mark.parametrize("part", [people_and_incidents, audiences, files, *OF_CAMPAIGNS, accounts, power, reference_data])
def test_every_form_is_answered_in_russian(watch: Watch, part: Any) -> None:
    expect_russian(answered(part(watch)))


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_a_failure_is_told_in_russian(name: str) -> None:
    with translation.override("ru"):
        assert foreign(text_of(render_to_string(f"{name}.html"))) == []


def test_an_address_that_is_none_and_a_page_too_old_are_told_in_russian(watch: Watch) -> None:
    missing = browser("anna").get("/нет/")
    assert (missing.status_code, unread(missing, known=KNOWN)) == (404, [])
    old = browser("anna", enforce_csrf_checks=True).post(reverse("incident_note", args=[watch.incident.pk]))
    assert (old.status_code, unread(old, known=KNOWN)) == (403, [])


def test_a_broken_log_is_told_of_in_russian(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "VERIFY", "SELECT 1, true, false UNION SELECT 2, false, true")
    page = browser("dina").post(reverse("audit_verify"))
    assert unread(page, known=KNOWN) == []


def test_every_deed_that_is_recorded_has_words() -> None:
    sources = [path.read_text() for app in ("crisis", "audiences", "messaging") for path in (ROOT / app).rglob("*.py")]
    recorded = {name for text in sources for name in re.findall(r"record\(\s*\"([\w.]+)\"", text)}
    assert recorded - deeds.DEEDS.keys() == set()


def test_every_channel_and_every_reason_it_gives_has_words() -> None:
    source = "".join(path.read_text() for path in SOURCE.glob("*.py"))
    reasons = {*re.findall(r'ChannelError\("(?:pause|retry|uncertain|content)", "(\w+)"', source)}
    failures = {*re.findall(r'Outcome\(\w+, "failed", "(\w+)"', source)}
    assert {reason for reason in reasons if not re.match(r"http_|no_confirmation", reason)} - TROUBLE.keys() == set()
    assert failures - FAILURES.keys() == set()
    assert {channels.channel_class(slug).label for slug in channels.CHANNELS} == {*LABELS}


def test_the_log_is_written_in_the_installation_s_language_whoever_acts(watch: Watch) -> None:
    with translation.override("en"):
        workflow.withdraw(watch.held, by=watch.anna)
        workflow.submit(watch.held, by=watch.anna)
        held = delivery.Held(gettext_lazy("%(account)s was not part of what the approver saw."), account=watch.vk)
        incidents.tell(watch.incident.pk, "%(why)s", why=held)
    lines = "\n".join(watch.incident.log.values_list("text", flat=True))
    assert foreign(lines) == []
