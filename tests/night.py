"""One supervisor alone on duty, with a playbook that two others approved: what they may send without a second person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crisis.clock import now
from crisis.models import Duty, User
from messaging import workflow
from messaging.models import Campaign, PlaybookVersion
from messaging.reaching import reach_of
from messaging.workflow.breaking_glass import break_glass
from tests import prepared, world
from tests.world import sql

REASON = "Nobody else answers the phone since 02:10."


class Night:
    """Boris alone on duty: a playbook that Vera and Zoya approved, three people to write to, an incident in Egypt."""

    def __init__(self) -> None:
        self.anna = world.person("anna", "operator")
        self.boris, self.vera, self.zoya = (world.person(name, "supervisor") for name in ("boris", "vera", "zoya"))
        self.shift = self.on_duty(self.boris)
        self.book = prepared.playbook(self.anna, self.vera, self.zoya)
        self.account, self.incident = world.account(), world.incident(self.boris)
        world.contacts([1, 2, 3])

    def on_duty(self, person: User) -> Duty:
        return Duty.objects.create(person=person, from_at=now() - timedelta(hours=1), until_at=now() + timedelta(hours=8))

    @property
    def version(self) -> PlaybookVersion:
        return self.book.versions.get(number=1)

    def submitted(self, **changes: Any) -> Campaign:
        ways = changes.pop("ways", [self.account])
        made = prepared.draft(self.version, self.incident, *ways, by=self.boris, **changes)
        return workflow.submit(made, by=self.boris)


def alone(campaign: Campaign, by: User, **changes: Any) -> Campaign:
    seen = {"fingerprint": campaign.fingerprint(), "reach": reach_of(campaign, now(), {})}
    return break_glass(campaign, REASON, by=by, **seen, **changes)


def alone_by_sql(campaign: Campaign, by: User, *, reviewable: bool = True) -> None:
    """The same by raw SQL of the application's role, which asks nobody but the database; or without what is reviewed later."""
    with workflow.acting(by):
        sql(
            "INSERT INTO messaging_approval (campaign_id, round, fingerprint, by_id, at, verdict, reach)"
            " VALUES (%s, 1, messaging_fingerprint(%s), %s, now(), 'break_glass', '{}')",
            campaign.pk, campaign.pk, by.pk,
        )  # fmt: skip
        if reviewable:
            sql(
                "INSERT INTO messaging_glassbreak (approval_id, by_id, at, reason, review, review_words)"
                " SELECT id, by_id, now(), %s, '', '' FROM messaging_approval WHERE campaign_id = %s",
                REASON, campaign.pk,
            )  # fmt: skip
        sql("UPDATE messaging_campaign SET status = 'approved' WHERE id = %s", campaign.pk)
