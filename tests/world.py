"""Small worlds that tests happen in: people, an incident, accounts, contacts seen in a country, a campaign at any stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import h3
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection

from audiences import definitions, presence
from audiences.criteria import Criteria, Seen
from audiences.keys import encrypt, fingerprint
from audiences.models import Address, AddressKind, AudienceVersion, Contact, Source
from audiences.presence import Sighting
from crisis import incidents
from crisis.clock import now
from crisis.models import Country, Incident, Mission, User
from crisis.power import changing
from messaging import credentials, fuses, workflow
from messaging.models import Account, Campaign, Lane
from messaging.models.accounts import address_kind_of
from messaging.reaching import reach_of
from messaging.wording import Words

WORDS = {
    "ru": Words("Заголовок", "МИД гражданам в Египте, 8 ноября. Текст по-русски.", "Оставайтесь."),
    "en": Words("Headline", "The ministry to citizens in Egypt, 8 November. A text in English.", "Stay."),
}
NAMES = {
    "vk-direct": "VK_MINISTRY", "vk-geo": "VK_GEO", "operator-roaming": "OPERATOR", "manual": "BY_HAND",
    "push-test": "PUSH_TEST",
}  # fmt: skip
PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
RESTED = datetime(2000, 1, 1, tzinfo=UTC)  # an approver since long ago


def person(username: str, *roles: str) -> User:
    user = User.objects.create_user(username, password=None, language="en", last_name=username.capitalize())
    grant(user, *roles)
    if {"supervisor", "admin"} & {*roles}:
        second_factor(user)
    return user


def known(user: User) -> User:
    """Give somebody a password that they know: PASSWORD."""
    user.set_password(PASSWORD)
    user.save()
    return user


def grant(user: User, *roles: str, since: datetime = RESTED) -> User:
    """Give somebody exactly these roles, with no second person; an approver has rested. Returns them as they are now."""
    sql("SELECT tests_grant(%s, %s, %s)", user.pk, [*roles], since)
    user.__dict__.pop("roles", None)
    return User.objects.get(pk=user.pk)


def place(user: User, *, mission: Mission | None = None, active: bool = True) -> User:
    """Say for which mission somebody works and whether they are let in. Returns them as they are now."""
    sql("SELECT tests_place(%s, %s, %s)", user.pk, mission and mission.pk, active)
    return User.objects.get(pk=user.pk)


def mission(country: str = "EG") -> Mission:
    """An embassy there."""
    names = {"name_ru": f"Посольство {country}", "name_en": f"Embassy {country}", "city_ru": country, "city_en": country}
    return Mission.objects.create(country_id=country, kind="embassy", **names)


def second_factor(user: User) -> Authenticator:
    """An app that shows codes, as supervisors and administrators must have one."""
    app: Authenticator = TOTP.activate(user, SECRET).instance
    return app


def incident(
    by: User, *, countries: tuple[str, ...] = ("EG",), drill: bool = False, severity: str = "Severe",
    title_ru: str = "Полёты приостановлены",
) -> Incident:  # fmt: skip
    row = Incident(
        title_ru=title_ru, title_en="Flights suspended", category="Transport", urgency="Immediate",
        severity=severity, certainty="Observed", drill=drill,
    )  # fmt: skip
    return incidents.declare(row, Country.objects.filter(pk__in=countries), by=by)


def account(
    slug: str = "vk-direct", *, drill: bool = False, lanes: int = 1, rate: int | None = None, handle: str = ""
) -> Account:
    name = NAMES[slug]
    row = Account.objects.create(
        slug=slug, label_ru=f"{slug}{' drill' if drill else ''}", handle=handle or ("100000002" if drill else "100000001"),
        rate=rate, secret_name=f"DRILL_{name}" if drill else name, drill=drill, address_kind=address_kind_of(slug),
    )  # fmt: skip
    for number in range(1, lanes + 1) if row.networked else ():
        Lane.objects.create(account=row, number=number)
    return row


def rename(row: Account, handle: str) -> None:
    """The account speaks under another name, as two administrators want it."""
    one, other = person("first-administrator", "admin"), person("other-administrator", "admin")
    data = {**credentials.about(row), "handle": handle, "secret_name": row.secret_name}
    changing.confirm(changing.propose("account.credential", data=data, why="a new group", by=one), by=other)


def contacts(
    peers: list[int], *, country: str = "EG", at: datetime | None = None, language: str = "ru",
    kind: AddressKind = AddressKind.VK, **flags: bool,
) -> list[Contact]:  # fmt: skip
    """People with one address each, last seen in a country an hour ago unless told otherwise."""
    source, _ = Source.objects.get_or_create(name="Story", defaults={"owner": "Story", "legal_basis": "invented"})
    rows = Contact.objects.bulk_create([Contact(language=language) for _ in peers])
    flags = {"subscribed": True, "permitted": True, **flags}
    Address.objects.bulk_create(
        Address(
            contact=row, kind=kind, value_encrypted=encrypt(kind, str(peer)), value_hmac=fingerprint(kind, str(peer)), **flags
        )
        for row, peer in zip(rows, peers, strict=True)
    )
    seen_at = at or now() - timedelta(hours=1)
    cell = h3.str_to_int(h3.latlng_to_cell(30.04, 31.24, 7))
    presence.ingest([Sighting(kind, fingerprint(kind, str(peer)), country, cell, seen_at) for peer in peers], source)
    return rows


def audience(
    by: User, *, hours: int = 336, mode: Any = "last_seen_there", countries: tuple[str, ...] = ("EG",)
) -> AudienceVersion:
    return definitions.define("Egypt", Criteria(Seen(countries, hours, None, mode)), by=by)


def content(*accounts: Account, version: AudienceVersion | None, **changes: Any) -> workflow.Draft:
    base = workflow.Draft(texts=WORDS, accounts=accounts, audience_version=version, not_after=now() + timedelta(hours=12))
    return replace(base, **changes)


def submitted(
    by: User, *accounts: Account, version: AudienceVersion | None = None, drill: bool = False, **changes: Any
) -> Campaign:
    version = version or audience(by)
    draft = workflow.draft(incident(by, drill=drill), content(*accounts, version=version, **changes), by=by)
    return workflow.submit(draft, by=by)


def approve(campaign: Campaign, by: User) -> Campaign:
    campaign = Campaign.objects.get(pk=campaign.pk)
    reach, spite = reach_of(campaign, now(), {}), overrides(campaign)
    return workflow.approve(campaign, fingerprint=campaign.fingerprint(), reach=reach, by=by, overrides=spite)


def overrides(campaign: Campaign) -> dict[str, str]:
    """A reason for whatever looks like a mistake: worlds repeat themselves."""
    return {doubt.key: "Так и нужно." for doubt in fuses.blown(campaign, campaign.reach or {}, now())}


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """A statement as the application's own role would run it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def counts() -> dict[str, int]:
    """Rows of every table of ours, to prove that nothing was written. Who is logged in is another matter."""
    tables = sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(crisis|audiences|messaging)_' ORDER BY 1")
    return {table: sql(f"SELECT count(*) FROM {table}")[0][0] for (table,) in tables if table != "crisis_session"}
