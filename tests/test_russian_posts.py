"""Whatever a Russian-speaking person types and presses is answered in Russian: refusals, errors of forms, thanks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audiences.models import Source
from crisis.clock import now
from tests.posting import HEADER, LONG, Post, answered, quiet_bell, russian_watch  # noqa: F401 (fixtures)
from tests.reading import expect_russian
from tests.watch import Watch
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db
CRITERIA = {"countries": ["Египет"], "mode": "was_there", "window": "14", "unit": "days"}
# A row for every sentence by which a cell is refused.
WRONG_ROWS = {
    "contacts": [",ru", "с-1,12", "с-2", "=1,ru", "с-3,ru", "с-3,en", f"с-4,{LONG}"],
    "addresses": ["с-1,почта,1,да,да,нет", "с-1,vk,ы,да,да,нет", "с-1,vk,1,быть может,да,нет", "с-1,phone,12,да,да,нет",
                  "с-1,email,ы,да,да,нет", "с-1,telegram,99999999999999999999,да,да,нет", "с-1,push,,да,да,нет"],
    "sightings": ["vk,1,ЕГ,27,33,2015-11-08T12:00:00+03:00", "vk,1,EG,270,33,2015-11-08T12:00:00+03:00",
                  "vk,1,EG,27,33,вчера", "vk,1,EG,27,33,2015-11-08T12:00:00"],
}  # fmt: skip


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


def accounts(watch: Watch) -> Iterator[Post]:
    for reason, status in (("", 409), (LONG, 409), ("Проверяем подпись.", 302), ("Снова", 409)):
        yield Post("boris", "account_pause", (watch.vk.pk,), {"reason": reason}, status)
    yield Post("boris", "account_resume", (watch.vk.pk,), {}, 302)
    yield Post("boris", "account_resume", (watch.vk.pk,), {}, 409)
    yield Post("boris", "account_test", (watch.vk.pk,), {}, 302)
    yield Post("anna", "account_pause", (watch.vk.pk,), {"reason": "Так"}, 403)
    yield from cards(watch)


def cards(watch: Watch) -> Iterator[Post]:
    top, card = watch.card.parent_id, {"role": "Дежурный", "step": "1"}
    for wrong in ({"role": ""}, {"step": "0"}, {"email": "яя"}, {"note": LONG * 9}, {"parent": "999"}, {"hours": LONG}):
        yield Post("boris", "card_list", (watch.hotels.pk,), {**card, **wrong}, 422)
    yield Post("boris", "card_list", (watch.hotels.pk,), card, 302)
    yield Post("boris", "card_edit", (top,), {**card, "parent": watch.card.pk}, 422)
    yield Post("boris", "card_edit", (watch.card.pk,), {**card, "phone": "+20"}, 302)
    yield Post("boris", "card_retire", (watch.card.pk,), {}, 302)
    yield Post("boris", "card_retire", (watch.card.pk,), {}, 404)
    yield Post("anna", "card_list", (watch.hotels.pk,), card, 403)


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


def programs(watch: Watch) -> Iterator[Post]:
    source, unusable = Source.objects.order_by("pk")[:2]
    yield Post("gleb", "client_new", (), {}, 422)
    yield Post("gleb", "client_new", (), {"name": watch.desk.name, "why": "Надо."}, 422)
    yield Post("gleb", "client_new", (), {"name": "Перевозчик", "why": "Надо."}, 302)
    good = {
        "scopes": ["trips:write"],
        "sources": [source.pk],
        "expires_at": f"{now() + timedelta(days=9):%Y-%m-%d}",
        "why": "Надо.",
    }
    for changes, status in (
        (dict.fromkeys(good, ""), 422),
        ({"sources": []}, 422),
        ({"sources": [unusable.pk]}, 422),
        ({"scopes": ["campaigns:read"]}, 422),
        ({"expires_at": "2098-01-01"}, 422),
        ({}, 302),
        ({}, 422),
    ):
        yield Post("gleb", "key_new", (watch.desk.pk,), {**good, **changes}, status)


def reference_data(watch: Watch) -> Iterator[Post]:
    lanes = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}
    for name in ("messaging_account", "crisis_country", "crisis_mission"):
        yield Post("gleb", f"admin:{name}_add", (), lanes, 200)
    account = {"slug": "vk-direct", "label": "ВК", "handle": "1", "secret_name": "VK_MINISTRY", "drill": "on", "rate": "99"}
    yield Post("gleb", "admin:messaging_account_add", (), {**lanes, **account, "mission": watch.mission.pk}, 200)
    yield Post("gleb", "admin:crisis_country_add", (), {"code": "EG"}, 200)
    yield Post("gleb", "admin:crisis_country_delete", ("EG",), {"post": "yes"}, 200)


@pytest.mark.parametrize("part", [people_and_incidents, audiences, files, accounts, power, programs, reference_data])
def test_every_form_is_answered_in_russian(watch: Watch, part: Any) -> None:
    expect_russian(answered(part(watch)))
