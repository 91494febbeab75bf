"""The register of sources: who owns what we are told about people, by what right we hold it, how long, and the off switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from audiences.criteria import Criteria
from audiences.criteria.seen import LONGEST
from audiences.models import Source
from crisis import audit, feeds, lines
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused

FIELDS = ("name", "owner", "legal_basis", "retention_days")
LONGEST_DAYS = LONGEST // 24  # no question about sightings reaches further back

SEEN = "SELECT source_id, count(*), max(last_seen_at) FROM audiences_presence GROUP BY source_id"
PEOPLE = """
    SELECT count(*) FROM (
        SELECT contact_id FROM audiences_presence WHERE source_id = %(source)s
         UNION SELECT contact_id FROM audiences_trip WHERE source_id = %(source)s
         UNION SELECT m.contact_id FROM audiences_listmember m JOIN audiences_contactlist l ON l.id = m.list_id
                WHERE l.source_id = %(source)s) held
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a source: the sightings kept, one for a person and country, and the newest of them."""

    sightings: int = 0
    newest_at: datetime | None = None


@transaction.atomic
def write(source: Source, *, by: User) -> Source:
    """Enter a source or change one. Raises Refused for a stray sign, for days out of bounds, and for a name that is taken."""
    demand(by, "source.write")
    before = Source.objects.select_for_update().filter(pk=source.pk).first() if source.pk else None
    if problems := [*_problems(source)]:
        raise Refused(problems=problems, status=422)
    if before is None:
        source.save()
        audit.record("source.add", by=by, about=source, data=_values(source))
        return source
    changed = [name for name in FIELDS if getattr(before, name) != getattr(source, name)]
    if changed:
        source.save(update_fields=changed)
        now, old = _values(source), _values(before)
        audit.record("source.change", by=by, about=source, data={name: [old[name], now[name]] for name in changed})
    return source


@transaction.atomic
def switch(source: Source, *, on: bool, by: User) -> None:
    """Take a source out of every count and every sending that has not begun, or bring it back. It takes effect at once."""
    demand(by, "source.switch")
    stored = Source.objects.select_for_update().get(pk=source.pk)
    if stored.active == on:
        sentence = _("The source is in use already. Nothing was changed.")
        raise Refused(sentence if on else _("The source is switched off already. Nothing was changed."))
    Source.objects.filter(pk=source.pk).update(active=on)
    audit.record("source.on" if on else "source.off", by=by, about=stored)


def held() -> dict[int, Held]:
    """What is held now, by the source's number."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN)
        return {source: Held(number, newest) for source, number, newest in cursor.fetchall()}


def people_of(source: Source) -> int:
    """How many people we hold something about from this source: a sighting, a stay abroad or a place on a list."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"source": source.pk})
        return int(cursor.fetchone()[0])


def silenced(criteria: Criteria, at: datetime) -> list[str]:
    """Why nobody is meant by a rule that takes people away by a source that is switched off, each with its remedy."""
    asked = criteria.silent(at)
    if asked is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(asked.text, asked.params)
        names = sorted(name for (name,) in cursor.fetchall())
    sentence = _(
        "The source “%(source)s” is switched off, so it is not known whom “but not” takes away by it, and nobody is meant. "
        "Have it switched on, or take that condition out."
    )
    return [sentence % {"source": name} for name in names]


def _problems(source: Source) -> list[Problem]:
    found = lines.problems(source, ["name", "owner"])
    found += [Problem(name, _("This is needed.")) for name in ("name", "owner") if not getattr(source, name).strip()]
    if not 1 <= source.retention_days <= LONGEST_DAYS:
        sentence = _("Sightings are kept for 1 to %(most)d days.") % {"most": LONGEST_DAYS}
        found.append(Problem("retention_days", sentence))
    if Source.objects.exclude(pk=source.pk).filter(name=source.name).exists():
        found.append(Problem("name", _("A source of this name is in the register already. Choose another name.")))
    return found


def _values(source: Source) -> dict[str, Any]:
    return {name: getattr(source, name) for name in FIELDS}


def _feeds() -> list[feeds.Feed]:
    return [feeds.Feed(source.pk, source.name, source.active and source.has_basis) for source in Source.objects.all()]


def register() -> None:
    """Say what the keys of programs may feed."""
    feeds.register(_feeds)
