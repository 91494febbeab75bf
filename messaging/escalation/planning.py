"""Who is told of a submitted campaign and when: those on duty in the order of call, one step after the other, then all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import BooleanField, F, Func, Q, Value

from crisis import duty
from crisis.clock import now
from crisis.models import User
from messaging.models import Campaign, GlassBreak, Notice, Status

KEEPS = 3  # whoever says “I have it” is given so many steps before the next one is told all the same


def step() -> timedelta:
    """How long one step may stay without an answer."""
    return timedelta(seconds=settings.ESCALATE_SECONDS)


def eligible(campaign: Campaign) -> list[User]:
    """Everybody whom the database would let approve this campaign as it stands, and who may see it."""
    allowed = Func(F("pk"), Value(campaign.pk), function="messaging_may_approve", output_field=BooleanField())
    rows = User.objects.annotate(allowed=allowed).filter(allowed=True).order_by("last_name", "username")
    return [row for row in rows if row.mission_id is None or Campaign.objects.seen_by(row).filter(pk=campaign.pk).exists()]


def ladder(people: Iterable[User], at: datetime) -> list[list[User]]:
    """In the order in which they are told: each order of call of those on duty is a step, the others are the last."""
    shifts, rest = duty.on_duty(at), [*people]
    steps: dict[int, list[User]] = {}
    for person in rest:
        order = shifts[person.pk].order if person.pk in shifts else max(duty.ORDERS) + 1
        steps.setdefault(order, []).append(person)
    return [steps[order] for order in sorted(steps)]


def plan(campaign: Campaign) -> None:
    """Write the notices of a round that begins, in the transaction that begins it. The database's clock counts the steps."""
    at = now()
    rows = [
        Notice(campaign=campaign, round=campaign.round, person=person, way=way, step=number, due_at=at + (number - 1) * step())
        for number, people in enumerate(ladder(eligible(campaign), at), start=1)
        for person in people
        for way in _ways(person)
    ]
    Notice.objects.bulk_create(rows)
    of_first = Notice.objects.filter(campaign=campaign, round=campaign.round, way=Notice.Way.SCREEN, step=1)
    of_first.update(sent_at=at)  # every page of theirs shows it from the commit on


def plan_review(glass: GlassBreak) -> None:
    """Everybody who may review what was sent alone is told at once, and again after half of the time they have for it."""
    campaign, half = glass.approval.campaign, (glass.review_due_at - glass.at) / 2
    people = [person for person in eligible(campaign) if person.pk != glass.by_id]
    about = {"campaign": campaign, "round": campaign.round, "about": Notice.About.REVIEW}
    rows = [
        Notice(**about, person=person, way=way, step=step, due_at=due)
        for step, due in enumerate((glass.at, glass.at + half), start=1)
        for person in people
        for way in _ways(person)
    ]
    Notice.objects.bulk_create(rows)
    first = Notice.objects.filter(**about, way=Notice.Way.SCREEN, step=1)
    first.update(sent_at=glass.at)  # the red bar is on every page of theirs from the commit on


def review_notices(campaign: Campaign, at: datetime) -> list[Notice]:
    """Who was told that a review is asked of them: what was due, in its order."""
    rows = Notice.objects.filter(campaign=campaign, round=campaign.round, about=Notice.About.REVIEW)
    return [*rows.filter(Q(due_at__lte=at) | Q(sent_at__isnull=False)).select_related("person").order_by("due_at", "pk")]


def _ways(person: User) -> list[Notice.Way]:
    ways = [Notice.Way.SCREEN]
    if settings.NOTICE_EMAIL and person.email:
        ways.append(Notice.Way.EMAIL)
    if settings.NOTICE_SMS_URL and phone_of(person):
        ways.append(Notice.Way.SMS)
    return ways


def phone_of(person: User) -> str:
    """The phone noted with the person's latest shift; empty when none is known."""
    return person.duties.exclude(phone="").order_by("-until_at").values_list("phone", flat=True).first() or ""


def postpone(campaign: Campaign) -> None:
    """Somebody has it: those not yet told are told later, in the same order and at the same distance."""
    at = now()
    later = Notice.objects.filter(campaign=campaign, round=campaign.round, sent_at=None, due_at__gt=at)
    first = later.order_by("due_at").values_list("due_at", flat=True).first()
    if first is not None:
        later.update(due_at=F("due_at") + max(at + KEEPS * step() - first, timedelta(0)))


@dataclass(frozen=True, slots=True)
class Stand:
    """How far the telling of a campaign has come: notices that were due, who has it, and when whom next."""

    told: list[Notice]
    has_it: list[Notice]
    next_at: datetime | None
    next_people: list[User]
    silent: bool  # everybody was told, and nobody answered within the last step

    @property
    def answered(self) -> bool:
        return bool(self.has_it)


def stand_of(campaign: Campaign, at: datetime) -> Stand | None:
    """None unless it waits for approval."""
    if campaign.status != Status.SUBMITTED:
        return None
    rows = [*Notice.objects.filter(
        campaign=campaign, round=campaign.round, about=Notice.About.DECISION).select_related("person", "by")]  # fmt: skip
    told = [row for row in rows if row.due_at <= at or row.sent_at]
    later = [row for row in rows if row not in told]
    has_it = sorted((row for row in rows if row.answered_at), key=lambda row: row.answered_at or at)
    next_at = min((row.due_at for row in later), default=None)
    people = {row.person.pk: row.person for row in later if row.due_at == next_at}
    last = max((row.due_at for row in told), default=campaign.submitted_at or at)
    since = max([last, *(row.answered_at for row in has_it if row.answered_at)])
    waits = KEEPS * step() if has_it else step()
    return Stand(told, has_it, next_at, [*people.values()], silent=next_at is None and at >= since + waits)
