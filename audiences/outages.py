"""What is down in which country: the verbs report and end, and an outage in words.

An outage is a fact about the world, of no incident and of no drill: it counts for every audience until it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.models import AddressKind, Outage
from crisis import audit, incidents, lines
from crisis.clock import now
from crisis.language import country_name
from crisis.models import Country, Incident, User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import local_time

LONGEST = 200
NOBODY_SAYS_SO = gettext_lazy("Say who says so: a person, an office, a page. You may name yourself.")


def words(kind: int, country: str, since_at: datetime) -> str:
    """Such as "VK unreachable from Egypt since 09:10 (Moscow)", in the reader's language."""
    # Translators: in Russian keep the country in the nominative: «VK: нет связи (Египет) с …»
    sentence = _("%(kind)s unreachable from %(country)s since %(time)s")
    values = {"country": country_name(country), "time": local_time(since_at)}
    return sentence % {"kind": capfirst(AddressKind(kind).label), **values}


def described(outage: Outage) -> str:
    return words(outage.kind, outage.country, outage.since_at)


# Said when a log is written, in its language.
_described, _time = lazy(described, str), lazy(local_time, str)


def is_theirs(country: str, by: User) -> bool:
    """A mission speaks of its own country, the ministry of every one."""
    return by.mission is None or by.mission.country_id == country


@transaction.atomic
def report(kind: int, countries: Iterable[Country], since_at: datetime, said_by: str, *, by: User) -> list[Outage]:
    """Note that people cannot be reached by this way in these countries. Raises Refused, and then notes none of it.

    The log of every incident there that is not closed says it.
    """
    demand(by, "outage.write")
    places, said_by = [*countries], said_by.strip()
    if found := [*_problems(kind, places, since_at, said_by, by)]:
        raise Refused(problems=found, status=422)
    return [_report(kind, place, since_at, said_by, by) for place in places]


def _report(kind: int, place: Country, since_at: datetime, said_by: str, by: User) -> Outage:
    values = {"since_at": since_at, "said_by": said_by, "entered_by": by}
    outage, new = Outage.objects.get_or_create(kind=kind, country=place.code, until_at=None, defaults=values)
    if not new:
        sentence = _("This is reported already: %(outage)s. If that is wrong, end it first, then report it again.")
        raise Refused(sentence % {"outage": described(outage)}, field="kind")
    _tell(outage, gettext_lazy("Reported: %(outage)s. Says so: %(said_by)s"), by)
    audit.record("outage.report", by=by, about=outage, data={**_data(outage), "said_by": said_by})
    return outage


@transaction.atomic
def end(outage: Outage, until_at: datetime, *, by: User) -> None:
    """Note that people can be reached that way again since `until_at`, or that this never was so. Raises Refused."""
    demand(by, "outage.write")
    locked = Outage.objects.select_for_update().get(pk=outage.pk)
    if locked.until_at:
        raise Refused(_("This has ended already: %(time)s. Nothing was changed.") % {"time": local_time(locked.until_at)})
    found = [*_not_theirs([locked.country], by, "until_at"), *_in_future("until_at", until_at)]
    if until_at < locked.since_at:
        sentence = _("It would end before it began: %(time)s. Choose a later time.")
        found.append(Problem("until_at", sentence % {"time": local_time(locked.since_at)}))
    if found:
        raise Refused(problems=found, status=422)
    Outage.objects.filter(pk=locked.pk).update(until_at=until_at, ended_by=by)
    _tell(locked, gettext_lazy("Over since %(time)s: %(outage)s"), by, time=_time(until_at))
    audit.record("outage.end", by=by, about=locked, data={**_data(locked), "until": until_at.isoformat()})


def _problems(kind: int, places: list[Country], since_at: datetime, said_by: str, by: User) -> Iterator[Problem]:
    if kind not in AddressKind.values:
        yield Problem("kind", _("Choose what does not work."))
    if not places:
        yield Problem("countries", _("Choose at least one country."))
    if not said_by:
        yield Problem("said_by", NOBODY_SAYS_SO)
    if len(said_by) > LONGEST:
        yield Problem("said_by", _("This has over %(most)s characters. Shorten it.") % {"most": LONGEST})
    yield from lines.problems(Outage(said_by=said_by), Outage.LINES)
    yield from _not_theirs([place.code for place in places], by, "countries")
    yield from _in_future("since_at", since_at)


def _in_future(field: str, at: datetime) -> Iterator[Problem]:
    if at > (here := now()):
        sentence = _("This time has not come yet; it is %(time)s now. Choose an earlier one.")
        yield Problem(field, sentence % {"time": local_time(here)})


def _not_theirs(countries: Iterable[str], by: User, field: str) -> Iterator[Problem]:
    if by.mission and not all(is_theirs(country, by) for country in countries):
        sentence = _("Your mission is in another country (%(country)s). Leave the others to the ministry.")
        yield Problem(field, sentence % {"country": by.mission.country})


def _tell(outage: Outage, sentence: Any, by: User, **values: Any) -> None:
    """Into the log of every incident of the country that is not closed, a drill's too: it is a fact for both."""
    about = Incident.objects.filter(countries=outage.country).exclude(status=Incident.Status.CLOSED)
    for pk in about.values_list("pk", flat=True):
        incidents.tell(pk, sentence, by=by, outage=_described(outage), said_by=outage.said_by, **values)


def _data(outage: Outage) -> dict[str, Any]:
    return {"kind": AddressKind(outage.kind).slug, "country": outage.country, "since": outage.since_at.isoformat()}
