"""Telling a story to an installation: its people, missions and accounts, then its files through the import that users have.

Whoever tells it again changes nothing. Not part of a real installation: it makes people whose password stands here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader

from audiences import definitions, imports, staff
from audiences.criteria import Criteria, Seen
from audiences.models import AddressKind, Audience, AudienceVersion, Source, StaffMember
from crisis import audit, duty
from crisis.clock import now
from crisis.demonstration import PASSWORD
from crisis.models import Country, Duty, Mission, User
from crisis.power.founding import found
from messaging import desks
from messaging.models import Account, Lane
from messaging.models.accounts import address_kind_of
from messaging.stories import egypt, playbook
from messaging.stories.egypt import Story

CAST = (
    ("anna", "Анна", "Орлова", "operator"),
    ("boris", "Борис", "Лебедев", "supervisor"),
    ("vera", "Вера", "Соколова", "supervisor"),
    ("gleb", "Глеб", "Зимин", "admin"),
    ("inna", "Инна", "Власова", "admin"),
    ("dina", "Дина", "Краснова", "auditor"),
)
ROSTER = (("boris", 1, "+7 495 000-00-01"), ("vera", 2, "+7 495 000-00-02"), ("anna", 3, "+7 495 000-00-03"))
STAFF = (  # who they are, and a VK number that nobody has
    ("Дежурный инженер связи", "1900000001"),
    ("Пресс-служба, дежурный", "1900000002"),
    ("Консульский отдел, дежурный", "1900000003"),
)
CARDS = (  # of the hotels' duty desk; nobody has these numbers
    {"role": "Дежурный управляющий", "organisation": "Ассоциация отелей Хургады", "phone": "+20 65 000-00-01", "hours": "24/7"},
    {"role": "Секретариат", "organisation": "Ассоциация отелей Хургады", "phone": "+20 65 000-00-02", "hours": "9–18"},
)
REACHED = ("phone",)  # what a card of a drill does not say
AUDIENCE = "Последний раз в Египте, 14 дней"
HOURS = 14 * 24


class NotOursError(Exception):
    """No story may be told here; the message is a sentence for the person at the keyboard."""


def prepare(directory: Path, story: Callable[[datetime], Story]) -> datetime:
    """Migrate the database and bring in the story whose files are, or will be, in `directory`. Returns the story's now.

    A story's first telling is its now, to the minute. Raises NotOursError for a database that is not a story's.
    """
    refuse_newer_data()
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    if User.objects.exclude(username__in=[row[0] for row in CAST]).exists():
        raise NotOursError("People of a real installation are in this database. A demonstration needs one of its own.")
    if not (directory / "expected.csv").exists():
        egypt.write(story(datetime.now(UTC).replace(second=0, microsecond=0)), directory)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    tell(files)
    _roster()
    anna, boris, vera = (User.objects.get(username=row[0]) for row in CAST[:3])
    playbook.bring(anna, [boris, vera])
    _staff(boris)
    _cards(boris)
    return at_of(json.loads(files["incident.json"]))


def refuse_newer_data() -> None:
    """Raises NotOursError when the database was migrated by a program that knows more than this one."""
    loader = MigrationLoader(connections["owner"])
    ours = {"crisis", "audiences", "messaging"}
    known = loader.disk_migrations or {}
    if unknown := sorted(key for key in loader.applied_migrations or {} if key[0] in ours and key not in known):
        app, name = unknown[-1]
        raise NotOursError(f"The database was written by a newer version of this program ({app}.{name}): install that version.")


def hooks(port: int) -> dict[str, str]:
    """Secret name of an account → the address on this machine at which the console hears its platform."""
    return {row.secret_name: f"http://127.0.0.1:{port}/hooks/{row.pk}/" for row in Account.objects.all()}


def told() -> AudienceVersion | None:
    """What a story leaves last: its audience. None while it has not been told to the end."""
    return AudienceVersion.objects.filter(audience__name=AUDIENCE).order_by("pk").first()


def tell(files: Mapping[str, bytes]) -> AudienceVersion:
    """Bring in a story's files, by name. Raises Refused when the import refuses one."""
    if found := told():
        return found
    documents = {name: json.loads(content) for name, content in files.items() if name.endswith(".json")}
    with transaction.atomic():
        operator = _cast()
        _missions(documents["missions.json"])
        _accounts(documents["accounts.json"])
        source, _ = Source.objects.get_or_create(name=documents["source.json"].pop("name"), defaults=documents["source.json"])
    tables = {name: io.BytesIO(files[f"{name}.csv"]) for name in ("contacts", "addresses", "sightings")}
    imports.bring(tables, source, operator)
    return _audience(at_of(documents["incident.json"]), operator)


def at_of(incident: Mapping[str, Any]) -> datetime:
    """The story's now, from its incident."""
    return datetime.fromisoformat(incident["at"])


def workers() -> dict[str, int]:
    """Channel → how many workers it needs: as many as its account has lanes."""
    lanes: dict[str, int] = {}
    for account in Account.objects.prefetch_related("lanes"):
        lanes[account.slug] = max(lanes.get(account.slug, 0), len(account.lanes.all()))
    return {slug: number for slug, number in lanes.items() if number}


def _cast() -> User:
    """Make the people; returns the operator, in whose name the rest is brought in."""
    for username, first, last, role in CAST:
        values = {"first_name": first, "last_name": last, "email": f"{username}@center.example"}
        person, _made = found(username, role, rested=True, password=make_password(PASSWORD), **values)
        if not Authenticator.objects.filter(user=person).exists():
            TOTP.activate(person, generate_totp_secret())
            audit.record("person.add", by=None, about=person, data={"role": role})
    return User.objects.get(username=CAST[0][0])


def _staff(supervisor: User) -> None:
    """Invented colleagues for a TEST, once: whoever was removed stays removed."""
    if not StaffMember.objects.exists():
        for name, address in STAFF:
            staff.add(name, AddressKind.VK, address, by=supervisor)


def _cards(supervisor: User) -> None:
    """Invented officials of the duty desks, once: whoever was retired stays so. Of a drill's desk nobody can be called."""
    for account in Account.objects.filter(slug="manual", cards=None):
        for number, card in enumerate(CARDS, 1):
            known = {name: value for name, value in card.items() if not (account.drill and name in REACHED)}
            desks.add(account, {**known, "step": number}, by=supervisor)


def _roster() -> None:
    """Whenever the story is opened somebody is on duty, for as long as a shift may last."""
    at = now()
    on_duty = set(Duty.objects.at(at).values_list("person__username", flat=True))
    for username, order, phone in ROSTER:
        if username not in on_duty:
            person, until = User.objects.get(username=username), at + duty.LONGEST
            Duty.objects.create(person=person, from_at=at, until_at=until, order=order, phone=phone)


def _missions(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        country = Country.objects.get(pk=row.pop("country"))
        key = {"country": country, "kind": row.pop("kind"), "city_en": row.pop("city_en")}
        Mission.objects.get_or_create(**key, defaults=row)


def _accounts(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        lanes, slug, handle = row.pop("lanes"), row.pop("slug"), row.pop("handle")
        values = {**row, "address_kind": address_kind_of(slug)}
        account, _ = Account.objects.get_or_create(slug=slug, handle=handle, defaults=values)
        for number in range(1, lanes + 1):
            Lane.objects.get_or_create(account=account, number=number)


def _audience(until: datetime, by: User) -> AudienceVersion:
    with transaction.atomic():
        Audience.objects.filter(name=AUDIENCE, versions=None).delete()
        return definitions.define(AUDIENCE, Criteria(Seen(("EG",), HOURS, until, "last_seen_there")), by=by)
