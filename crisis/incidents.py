"""Every verb of a person on an incident: declare, note, schedule the next update, move, tick a mission."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from crisis import audit, lines
from crisis.clock import Now, now
from crisis.models import Category, Country, Coverage, Incident, LogEntry, Mission, User
from crisis.permissions import demand
from crisis.refusal import Refused

MOVES = {
    Incident.Status.OPEN: {Incident.Status.MONITORING, Incident.Status.CLOSED},
    Incident.Status.MONITORING: {Incident.Status.OPEN, Incident.Status.CLOSED},
    Incident.Status.CLOSED: set(),
}


def usual_title(category: str, countries: Iterable[Country], language: str) -> str:
    """The title of an incident that nobody named: "Egypt: transport"."""
    with override(language):
        kind = str(Category(category).label).partition(":")[0]
    return f"{', '.join(sorted(country.name_in(language) for country in countries))}: {kind}"[:200]


@transaction.atomic
def declare(incident: Incident, countries: Iterable[Country], *, by: User) -> Incident:
    """Open an incident from its unsaved row. Raises Refused without a place, and for names that are no single line."""
    demand(by, "incident.write")
    if found := lines.problems(incident, incident.LINES):
        raise Refused(problems=found, status=422)
    places = [*countries]
    if not places:
        raise Refused(_("Choose at least one country: an alert needs a place."), field="countries")
    if by.mission and by.mission.country not in places:
        sentence = _("Your mission is in another country (%(country)s). Nothing was declared. Add it, or ask the ministry.")
        raise Refused(sentence % {"country": by.mission.country}, field="countries")
    incident.opened_by = by
    incident.save()
    incident.countries.set(places)
    tell(incident.pk, _("Incident declared."), by=by)
    audit.record("incident.declare", by=by, about=incident, data={"countries": [c.pk for c in places], "drill": incident.drill})
    return incident


def tell(incident: int, sentence: Any, *, by: User | None = None, **values: Any) -> LogEntry:
    """Add a line of the console's own to the situation log. `values` fill the places of the sentence; both may be lazy."""
    with our_language():
        return LogEntry.objects.create(incident_id=incident, by=by, text=(str(sentence) % values)[:1000])


def our_language() -> override:
    """What is stored is said in the installation's language, whoever happens to act: everybody reads the same words."""
    return override(settings.LANGUAGE_CODE)


@transaction.atomic
def note(incident: Incident, text: str, *, by: User) -> LogEntry:
    """Add a line to the situation log. Raises Refused when it is empty or longer than 1,000 characters."""
    demand(by, "incident.write")
    text = text.strip()
    if not text:
        raise Refused(_("Write what happened; an empty line was not added."), field="text")
    if len(text) > 1000:
        raise Refused(
            _("The line is %(over)d characters over 1,000. Shorten it or split it.") % {"over": len(text) - 1000}, field="text"
        )
    entry = LogEntry.objects.create(incident=incident, by=by, text=text)
    audit.record("incident.note", by=by, about=incident, data={"entry": entry.pk})
    return entry


@transaction.atomic
def schedule_update(incident: Incident, at: datetime | None, *, by: User) -> None:
    """Set when the public is to hear from us next. Raises Refused for an instant that has passed."""
    demand(by, "incident.write")
    if at and at <= now():
        raise Refused(_("The next update is set in the past. Choose a later time."), field="next_update_at")
    Incident.objects.filter(pk=incident.pk).update(next_update_at=at)
    audit.record("incident.schedule_update", by=by, about=incident, data={"at": at.isoformat() if at else None})


@transaction.atomic
def move(incident: Incident, status: str, *, by: User) -> None:
    """Move an incident between open, monitoring and closed. Closed is final."""
    demand(by, "incident.write")
    locked = Incident.objects.select_for_update().get(pk=incident.pk)
    if status not in MOVES[Incident.Status(locked.status)]:
        raise Refused(_("The incident is already %(status)s. Reload the page.") % {"status": locked.get_status_display()})
    Incident.objects.filter(pk=locked.pk).update(status=status)
    audit.record("incident.move", by=by, about=locked, data={"from": locked.status, "to": status})


@transaction.atomic
def tick(incident: Incident, mission: Mission, *, posted: bool, link: str, by: User) -> None:
    """Note by hand that a mission has told its followers, or has not."""
    demand(by, "incident.write")
    if mission.country_id not in incident.country_codes:
        raise Refused(_("This mission is in another country than the incident."), field="mission")
    values = {"posted": posted, "link": link if posted else "", "by": by, "since_at": Now()}
    Coverage.objects.update_or_create(incident=incident, mission=mission, defaults=values)
    audit.record("incident.tick", by=by, about=incident, data={"mission": mission.pk, "posted": posted})
