"""Put a fact on an incident's sheet, change it, or take it off: one verb, because the newest row of a name counts."""

from __future__ import annotations

import re

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.models import Fact, Incident, User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused

LONGEST = {"name": 80, "value": 300, "source": 300}
LONGEST_PHONE = 50
PHONE = re.compile(r"\+?[\d\s()–-]*")
HOTLINE = ("Горячая линия", "Hotline")


def sheet(incident: Incident) -> list[Fact]:
    """What counts now, by name. The hotline of the incident is on it until a row says otherwise."""
    newest = [*Fact.objects.filter(incident=incident).newest().select_related("by")]
    if incident.hotline and not any(fact.name_ru == HOTLINE[0] for fact in newest):
        phone = {"value_ru": incident.hotline, "value_en": incident.hotline}
        by, at = incident.opened_by, incident.opened_at
        names = {"name_ru": HOTLINE[0], "name_en": HOTLINE[1]}
        newest.append(Fact(incident=incident, kind=Fact.Kind.PHONE, by=by, at=at, **names, **phone))
    return sorted((fact for fact in newest if fact.value_ru), key=lambda fact: (fact.name_ru != HOTLINE[0], fact.name_ru))


@transaction.atomic
def state_fact(fact: Fact, *, by: User) -> Fact:
    """Write an unsaved row to its incident's sheet; an empty Russian value takes the name off.

    English left empty says what the Russian says. Raises Refused for a closed incident and for what texts cannot say.
    """
    demand(by, "incident.write")
    incident = Incident.objects.select_for_update().get(pk=fact.incident_id)
    if incident.status == Incident.Status.CLOSED:
        raise Refused(_("The incident is closed, so its facts stay as they are. Nothing was changed."))
    _tidy(fact)
    if found := _problems(fact):
        raise Refused(problems=found)
    earlier = {row.name_ru: row for row in sheet(incident)}.get(fact.name_ru)
    if not (fact.value_ru or earlier):
        raise Refused(_("There is no such fact to take off. Write its value."), field="value_ru")
    fact.name_en = HOTLINE[1] if fact.name_ru == HOTLINE[0] else fact.name_en or fact.name_ru
    fact.value_en = (fact.value_en or fact.value_ru) if fact.value_ru else ""
    fact.by = by
    fact.save(force_insert=True)
    if fact.name_ru == HOTLINE[0]:
        Incident.objects.filter(pk=incident.pk).update(hotline=fact.value_ru)
    _tell(fact, earlier, by)
    audit.record("incident.fact", by=by, about=incident, data={"fact": fact.pk, "name": fact.name_ru})
    return fact


def _tidy(fact: Fact) -> None:
    for field in ("name_ru", "name_en", "value_ru", "value_en", "source"):
        setattr(fact, field, getattr(fact, field).strip())
    fact.kind = Fact.Kind.PHONE if fact.name_ru == HOTLINE[0] else fact.kind


def _problems(fact: Fact) -> list[Problem]:
    found = [] if fact.name_ru else [Problem("name_ru", _("Name the fact in Russian, such as Горячая линия."))]
    for field in ("name_ru", "name_en", "value_ru", "value_en", "source"):
        said, most = getattr(fact, field), LONGEST[field.partition("_")[0]]
        if len(said) > most:
            found.append(Problem(field, _("This has over %(most)s characters. Shorten it.") % {"most": most}))
        if not said.isprintable() or re.search(r"[\[\]]", said):
            found.append(Problem(field, _("Write one line without square brackets: they mark what is still to be filled in.")))
    if fact.kind not in Fact.Kind.values:
        found.append(Problem("kind", _("Choose what kind of fact this is.")))
    if fact.kind == Fact.Kind.PHONE and not all(_dialled(phone) for phone in (fact.value_ru, fact.value_en)):
        found.append(Problem("value_ru", _("This is no phone number. Write it like +7 495 000-00-00.")))
    return found


def _dialled(phone: str) -> bool:
    digits = sum(sign.isdigit() for sign in phone)
    return not phone or (bool(PHONE.fullmatch(phone)) and digits >= 3 and len(phone) <= LONGEST_PHONE)


def _tell(fact: Fact, earlier: Fact | None, by: User) -> None:
    values = {"name": fact.name_ru, "old": earlier.value_ru if earlier else "", "new": fact.value_ru}
    sentence = _("Fact changed: %(name)s: %(old)s → %(new)s") if earlier else _("Fact added: %(name)s: %(new)s")
    if not fact.value_ru:
        sentence = _("Fact taken off: %(name)s: %(old)s")
    incidents.tell(fact.incident_id, sentence, by=by, **values)
