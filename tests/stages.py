"""Campaigns at every status, refusals that change nothing, and the database's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from audiences.models import AddressKind
from crisis.clock import now
from crisis.models import User
from crisis.refusal import Refused
from messaging import delivery, workflow
from messaging.models import Campaign, Status
from tests import world
from tests.world import sql


class Cast:
    """An author, an approver, an account, and three people who were seen in Egypt."""

    def __init__(self, slug: str = "vk-direct", *, lanes: int = 1) -> None:
        self.author, self.approver = world.person("anna", "operator"), world.person("boris", "supervisor")
        self.account = world.account(slug, lanes=lanes)
        world.contacts([1, 2, 3], kind=AddressKind(self.account.address_kind))

    def draft(self, *, severity: str = "Severe", **changes: Any) -> Campaign:
        content = world.content(self.account, version=world.audience(self.author), **changes)
        return workflow.draft(world.incident(self.author, severity=severity), content, by=self.author)

    def submitted(self, **changes: Any) -> Campaign:
        return workflow.submit(self.draft(**changes), by=self.author)

    def at(self, status: str) -> Campaign:
        """A campaign that came to this status by verbs; the machine's two ends are reached without waiting for them."""
        later = {"starts_at": now() + timedelta(hours=1)} if status == Status.APPROVED else {}
        campaign = self.draft(**later)
        if status == Status.REJECTED:
            workflow.reject(campaign, "not needed", by=self.author)
        elif status != Status.DRAFT:
            campaign = workflow.submit(campaign, by=self.author)
        if status not in (Status.DRAFT, Status.REJECTED, Status.SUBMITTED):
            world.approve(campaign, self.approver)
            self._go_on(campaign, status)
        return Campaign.objects.get(pk=campaign.pk)

    def _go_on(self, campaign: Campaign, status: str) -> None:
        if status == Status.PAUSED:
            workflow.pause(campaign, by=self.author)
        elif status == Status.STOPPED:
            workflow.stop(campaign, by=self.author)
        elif status == Status.EXPIRED:
            sql("UPDATE messaging_campaign SET status = 'expired' WHERE id = %s", campaign.pk)
        elif status == Status.SENT:
            sql("UPDATE messaging_batch SET status = 'done' WHERE campaign_id = %s", campaign.pk)
            delivery.finish(campaign.pk)


def person_named(role: str) -> User:
    """Somebody who holds exactly this role."""
    return world.person(f"the-{role}", role)


def everything() -> tuple[Any, ...]:
    """How many rows every table has, and every campaign and batch as it stands."""
    return world.counts(), sql("SELECT * FROM messaging_campaign ORDER BY id"), sql("SELECT * FROM messaging_batch ORDER BY id")


@contextmanager
def expect_refusal(sentence: str) -> Iterator[None]:
    """What happens inside is refused in these words, and nothing was changed by it."""
    before = everything()
    with pytest.raises(Refused, match=sentence):
        yield
    assert everything() == before


def set_clock(expression: str) -> None:
    """What the database takes for now, as SQL. Needs a database of the test's own (`committed`)."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION crisis_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT {expression} $$"
        )


def ahead(**delta: float) -> None:
    """The database's clock runs ahead of ours by this much from here on."""
    set_clock(f"statement_timestamp() + interval '{timedelta(**delta).total_seconds()} seconds'")


def stand_still() -> datetime:
    """The database's clock stops. Returns the instant it stops at."""
    at = now()
    set_clock(f"timestamptz '{at.isoformat()}'")
    return at


def unguarded(statement: str, *values: Any) -> None:
    """What only the owner of the tables can do: a statement that their triggers do not see. Needs `committed`."""
    tables = ("messaging_batch", "messaging_campaign")
    with connections["owner"].cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
