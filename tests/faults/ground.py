"""The ground of the simulation: a database of its own with people and submitted campaigns in it, put back for every seed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import h3
import psycopg
from django.conf import settings
from django.db import connections
from django.test import override_settings

from audiences import presence
from audiences.keys import encrypt, fingerprint
from audiences.models import Address, AddressKind, Contact, Source
from audiences.presence import Sighting
from crisis.models import User
from messaging import channels, workflow
from messaging.models import Account, Lane, WhenUncertain
from messaging.models.accounts import address_kind_of
from tests import world
from tests.faults.platforms import CHANNELS, GROUP, KEYED, PLAIN, TOKEN

EPOCH = datetime(2026, 11, 8, 10, 0, tzinfo=UTC)
COUNTRIES = {"EG": 34, "TR": 23}
TIDY = 50  # runs after which the tables are vacuumed
KINDS = (AddressKind.VK, AddressKind.PHONE)
# Rows come in the order of an index, so that no order rests on what earlier runs have left in a table.
CLOCK = """
CREATE SEQUENCE sim_clock;
ALTER DATABASE {name} SET enable_seqscan = off;
ALTER DATABASE {name} SET enable_bitmapscan = off;
GRANT SELECT ON sim_clock TO PUBLIC;
CREATE OR REPLACE FUNCTION crisis_now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT timestamptz ''epoch'' + last_value * interval ''1 microsecond'' FROM public.sim_clock';
"""
OURS = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind = 'r'
   AND c.relname ~ '^(messaging_|crisis_(auditentry|logentry|dailyduty)|audiences_(address|presence))'
 ORDER BY 1
"""
SEQUENCES = (
    "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND sequencename ~ '^(messaging|crisis)_'"
)


@dataclass(frozen=True)
class Prepared:
    """A submitted campaign and what is to be known of it."""

    pk: int
    people: int
    expires: bool


@dataclass
class Ground:
    """A database in which every seed begins alike."""

    name: str
    author: User
    approver: User
    accounts: dict[str, Account]
    peers: dict[tuple[str, str], int]  # (slug, address) → contact
    campaigns: list[Prepared]
    admin: psycopg.Connection[Any]
    restore: str
    resets: int = 0

    def reset(self) -> None:
        self.admin.execute(self.restore)
        self.resets += 1
        if self.resets % TIDY == 0:
            self.admin.execute("VACUUM")


@contextmanager
def ground(template: str) -> Iterator[Ground]:
    """A clone of a migrated database, peopled. Everything in this process speaks to it meanwhile."""
    name = f"{template}_{uuid4().hex[:8]}"
    administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    before = dict(channels.CHANNELS)
    os.environ["SIM_TOKEN"] = TOKEN
    urls = {**settings.CHANNEL_URLS, KEYED: "https://sim.invalid", PLAIN: "https://sim.invalid"}
    try:
        channels.CHANNELS.update(CHANNELS)
        point_at(name)
        with override_settings(CHANNEL_URLS=urls, LANGUAGE_CODE="en"), admin() as owner:
            yield _peopled(name, owner)
    finally:
        channels.CHANNELS.clear()
        channels.CHANNELS.update(before)
        point_at(template)
        administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def point_at(name: str) -> None:
    for connection in connections.all():
        connection.close()
        connection.settings_dict["NAME"] = name


def administer(statement: str) -> None:
    for connection in connections.all():
        connection.close()
    with connections["owner"]._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement)


def admin() -> psycopg.Connection[Any]:
    parameters: dict[str, Any] = connections["owner"].get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    return psycopg.connect(**{**parameters, "autocommit": True, "prepare_threshold": None})


def _peopled(name: str, admin: psycopg.Connection[Any]) -> Ground:
    admin.execute(CLOCK.format(name=f'"{name}"'))
    admin.execute(f"SELECT setval('sim_clock', {int(EPOCH.timestamp() * 1e6)})")
    author, approver = world.person("anna", "operator"), world.person("boris", "supervisor")
    accounts = {slug: _account(slug) for slug in CHANNELS}
    peers = {key: contact for country, people in COUNTRIES.items() for key, contact in _people(country, people).items()}
    campaigns = _campaigns(author, [*accounts.values()])
    for connection in connections.all():
        connection.close()
    return Ground(name, author, approver, accounts, peers, campaigns, admin, _kept(admin))


def _account(slug: str) -> Account:
    row = Account.objects.create(
        slug=slug, label_ru=slug, handle=str(GROUP), secret_name="SIM_TOKEN", address_kind=address_kind_of(slug),
        rate=10 if slug == KEYED else None,
    )  # fmt: skip
    for number in (1, 2):
        Lane.objects.create(account=row, number=number)
    return row


def _people(country: str, people: int) -> dict[tuple[str, str], int]:
    """Everybody has an address on both platforms; a few of them VK refuses for ever."""
    source, _ = Source.objects.get_or_create(name="Story", defaults={"owner": "Story", "legal_basis": "invented"})
    found, sightings = {}, []
    first = 1 + Contact.objects.count()
    for n in range(first, first + people):
        refused = {7: 850, 13: 918}.get(n % 20, 0)
        values = {KEYED: str(1000 * n + refused), PLAIN: f"+7916{n:07d}"}
        row = Contact.objects.create(language="en" if n % 3 == 0 else "ru")
        for kind, (slug, value) in zip(KINDS, values.items(), strict=True):
            Address.objects.create(
                contact=row, kind=kind, value_encrypted=encrypt(kind, value), value_hmac=fingerprint(kind, value),
                subscribed=True, permitted=True,
            )  # fmt: skip
            found[slug, value] = row.pk
        cell = h3.str_to_int(h3.latlng_to_cell(30.04, 31.24, 7))
        seen_at = EPOCH - timedelta(hours=1)
        sightings.append(Sighting(KINDS[0], fingerprint(KINDS[0], values[KEYED]), country, cell, seen_at))
    presence.ingest(sightings, source)
    return found


def _campaigns(author: User, accounts: list[Account]) -> list[Prepared]:
    """Submitted ones; no two of them say the same."""
    plans = [(("EG",), accounts, False), (("TR",), accounts, False), (("EG", "TR"), accounts[:1], False)]
    plans += [(("TR",), accounts, True), (("EG",), accounts, True)]
    found = []
    for number, (countries, ways, expires) in enumerate(plans, 1):
        words = {lang: said._replace(body=f"{said.body} No. {number}.") for lang, said in world.WORDS.items()}
        until = EPOCH + (timedelta(seconds=25 * number - 70) if expires else timedelta(hours=12))
        policy = WhenUncertain.RESEND if number % 2 else WhenUncertain.HOLD
        audience = world.audience(author, countries=countries)
        content = world.content(*ways, version=audience, texts=words, not_after=until, when_uncertain=policy)
        campaign = workflow.submit(workflow.draft(world.incident(author, countries=countries), content, by=author), by=author)
        people = len(ways) * sum(COUNTRIES[country] for country in countries)
        found.append(Prepared(campaign.pk, people, expires))
    return found


def _kept(admin: psycopg.Connection[Any]) -> str:
    """Keep the rows of every table that a run may change. Returns the statements that put them back."""
    tables = [row[0] for row in admin.execute(OURS)]
    admin.execute("CREATE SCHEMA kept")
    lines = ["BEGIN", "SET LOCAL session_replication_role = replica"]
    for table in tables:
        lines.append(f"DELETE FROM {table}")
        admin.execute(f"CREATE TABLE kept.{table} AS TABLE public.{table}")
        admin.execute(f"ALTER TABLE public.{table} SET (autovacuum_enabled = false)")
        if admin.execute(f"SELECT EXISTS (SELECT FROM kept.{table})").fetchone() == (True,):
            columns = ", ".join(_columns(admin, table))
            lines.append(f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM kept.{table}")
    for name, last in admin.execute(SEQUENCES):
        lines.append(f"SELECT setval('{name}', {last or 1}, {'true' if last else 'false'})")
    return "; ".join([*lines, "COMMIT"])


def _columns(admin: psycopg.Connection[Any], table: str) -> list[str]:
    """Those that can be written: none that the database computes."""
    statement = """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
                      AND attgenerated = '' ORDER BY attnum"""
    return [row[0] for row in admin.execute(statement, [f"public.{table}"])]
