"""Every verb on API clients and their keys: make a client, make a key, revoke it; and the question whose a key is."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from django.db import connection, transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from crisis import audit, feeds
from crisis.clock import now
from crisis.models import FEEDING, ApiClient, ApiKey, AuditEntry, Mission, Scope, User
from crisis.permissions import demand
from crisis.refusal import Refused

log = logging.getLogger(__name__)
LONGEST = timedelta(days=366)
NOTED_FOR = timedelta(minutes=10)  # a fault of a key is audited once in this time: a flood must not fill the log
PER_MINUTE = 60  # calls a key may make in one minute of the clock
KEY = re.compile(r"crisis_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")  # the mark lets a scanner find one that was left lying about


class BadKey(Refused):
    """A key that opens nothing here; `why` in one word for the log and the audit, `key` when it is one of ours."""

    def __init__(self, sentence: str, why: str, key: ApiKey | None = None, *, field: str = "", status: int = 401) -> None:
        self.why, self.key = why, key
        super().__init__(sentence, field=field, status=status)


class TooFast(Refused):
    """The key has made all the calls of this minute; `seconds` until the next one."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        sentence = _("A key may call %(calls)d times a minute. Nothing was done. Call again in %(seconds)d s.")
        super().__init__(sentence % {"calls": PER_MINUTE, "seconds": seconds}, status=429)


@transaction.atomic
def create_client(name: str, *, mission: Mission | None, by: User) -> ApiClient:
    """A client with its technical user, which has no password and no role. It can do nothing before two persons make a key."""
    demand(by, "clients.change")
    name = name.strip()
    check_client(name)
    user = User.objects.create_user(f"api-{uuid4().hex[:12]}", password=None, last_name=f"{name} (API)", mission=mission)
    client = ApiClient.objects.create(name=name, user=user)
    audit.record("client.create", by=by, about=client, data={"mission": mission and mission.pk})
    return client


def check_client(name: str) -> None:
    """Raises Refused for a name that no client can have."""
    if not name or len(name) > 100 or not name.isprintable():
        raise Refused(_("Give the client a name of at most 100 characters."), field="name")
    if ApiClient.objects.filter(name=name).exists():
        raise Refused(_("There is an API client of this name already. Choose another name."), field="name")


@transaction.atomic
def create_key(
    client: ApiClient, scopes: Iterable[str], sources: Iterable[int], expires_at: datetime, *, proposed_by: User, by: User
) -> tuple[ApiKey, str]:
    """A new key as two administrators want it. Returns it with its secret text, which nobody is ever shown again."""
    demand(proposed_by, "clients.change")
    demand(by, "clients.change")
    if by == proposed_by:
        raise Refused(_("A key is made by two persons. Ask another administrator to confirm it."), status=403)
    chosen, fed = sorted({*scopes}), sorted({*sources})
    check_key(chosen, fed, expires_at)
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"crisis_{prefix}_{secret}"
    key = ApiKey.objects.create(
        client=client, prefix=prefix, hash=_hash(text), scopes=chosen, sources=fed, expires_at=expires_at,
        proposed_by=proposed_by, confirmed_by=by,
    )  # fmt: skip
    data = {"client": client.pk, "scopes": chosen, "sources": fed, "expires_at": expires_at.isoformat()}
    audit.record("key.create", by=by, about=key, data={**data, "proposed_by": proposed_by.pk})
    return key, text


def check_key(scopes: Collection[str], sources: Collection[int], expires_at: datetime) -> None:
    """Raises Refused for what no key can open or feed, and for a time that no key lasts."""
    if not scopes or not {*scopes} <= {*Scope.values}:
        raise Refused(_("Choose at least one thing that the key opens, from the list."), field="scopes")
    _check_sources(scopes, sources)
    if not timedelta(0) < expires_at - now() <= LONGEST:
        raise Refused(_("A key lasts for at most 366 days. Choose a day within that time."), field="expires_at")


def _check_sources(scopes: Collection[str], sources: Collection[int]) -> None:
    """A key that brings people or their whereabouts says of which sources, and only such a key does."""
    if feeding := {*scopes} & {*FEEDING}:
        if not sources:
            raise Refused(_("Choose the sources that the key may feed."), field="sources")
    elif sources:
        raise Refused(_("The key brings nothing that a source could take in. Choose no source."), field="sources")
    if feeding and not {*sources} <= {feed.number for feed in feeds.known() if feed.usable}:
        sentence = _("A key feeds sources that are in use and have a legal basis. Choose them from the list.")
        raise Refused(sentence, field="sources")


@transaction.atomic
def revoke_key(key: ApiKey, *, by: User) -> None:
    """End a key at once, by one person. Revoking twice is harmless."""
    demand(by, "clients.change")
    locked = ApiKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is None:
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=now(), revoked_by=by)
        audit.record("key.revoke", by=by, about=key, data={"client": locked.client_id})


def holder(text: str) -> ApiKey:
    """The key that a caller shows. Raises BadKey for one that is unknown, revoked or expired."""
    found = KEY.fullmatch(text)
    rows = ApiKey.objects.select_related("client__user")
    key = rows.filter(prefix=found[1]).first() if found else None
    if key is None or not constant_time_compare(key.hash, _hash(text)):
        sentence = _("This key is not known. Use a key as it was shown when it was made.")
        raise BadKey(sentence, "secret" if key else "unknown", key)
    if fault := key.fault(now()):
        sentence = _("This key was revoked or has expired. Ask an administrator of the console for a new one.")
        raise BadKey(sentence, fault, key)
    return key


def note_bad(bad: BadKey, address: str | None) -> None:
    """Write a refused key to the log, and to the audit when it is one of ours: once for each fault in ten minutes."""
    key = bad.key
    log.warning("An API key was refused (%s), key %s, from %s.", bad.why, key.prefix if key else "unknown", address)
    if key is None or _noted(key, bad.why):
        return
    with transaction.atomic():
        ApiKey.objects.select_for_update().get(pk=key.pk)  # of many calls at once one writes
        if not _noted(key, bad.why):
            audit.record("key.refuse", by=None, about=key, data={"client": key.client_id, "why": bad.why})


def _noted(key: ApiKey, why: str) -> bool:
    rows = AuditEntry.objects.filter(object_type="crisis.apikey", object_id=str(key.pk), action="key.refuse", data__why=why)
    return rows.filter(at__gt=now() - NOTED_FOR).exists()


COUNT = """
    UPDATE crisis_apikey SET last_used_at = crisis_now(), minute_at = date_trunc('minute', crisis_now()),
           minute_calls = CASE WHEN minute_at = date_trunc('minute', crisis_now()) THEN minute_calls + 1 ELSE 1 END
     WHERE id = %s RETURNING minute_calls, 60 - floor(extract(second FROM crisis_now()))::int
"""


def count_call(key: ApiKey) -> None:
    """Note a call, whatever comes of it. Raises TooFast beyond the calls of one minute."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [key.pk])
        calls, seconds = cursor.fetchone()
    if calls > PER_MINUTE:
        raise TooFast(seconds)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
