"""A story without hands: its incident and alert go through the verbs that people use; numbers are taken on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from crisis import incidents
from crisis.clock import now
from crisis.models import AuditEntry, Country, Incident, User
from messaging import fuses, workflow
from messaging.models import OVER, Account, Campaign, Delivery, Order
from messaging.reaching import estimates_of, reach_of
from messaging.stories import telling
from messaging.wording import Words


@dataclass(frozen=True, slots=True)
class Played:
    """What a performance left: `approved_at` is the instant the approver pressed the button, on this machine's clock."""

    campaign: Campaign
    approved_at: datetime
    reach_preview_ms: float
    snapshot_s: float


def play(directory: Path, *, ways: tuple[str, ...], words: Mapping[str, Words] | None = None) -> Played:
    """Declare, draft, submit, approve. The sending has begun when this returns. Raises Refused like the verbs do."""
    operator, supervisor = (User.objects.get(username=name) for name in ("anna", "boris"))
    incident = _declare(json.loads((directory / "incident.json").read_bytes()), operator)
    content = _content(json.loads((directory / "texts.json").read_bytes()), ways)
    content = replace(content, texts=words) if words else content
    draft = workflow.draft(incident, content, by=operator)
    took = median(_timed(lambda: reach_of(draft, now(), {})) for _ in range(5))
    submitted = workflow.submit(draft, by=operator, estimates=estimates_of(draft, now()))
    approved_at = datetime.now(UTC)
    _approve(submitted, supervisor)
    started = AuditEntry.objects.get(action="campaign.start", object_id=str(draft.pk))
    return Played(Campaign.objects.get(pk=draft.pk), approved_at, round(took, 1), started.data["snapshot_s"])


def submit(directory: Path) -> Campaign:
    """Declare and draft, and ask for approval as the operator."""
    operator = User.objects.get(username="anna")
    incident = _declare(json.loads((directory / "incident.json").read_bytes()), operator)
    content = _content(json.loads((directory / "texts.json").read_bytes()), ("vk-direct",))
    return workflow.submit(workflow.draft(incident, content, by=operator), by=operator)


def approve(campaign: Campaign) -> None:
    """As the supervisor who read exactly this."""
    supervisor = User.objects.get(username="boris")
    _approve(campaign, supervisor)


def _approve(campaign: Campaign, supervisor: User) -> None:
    """In spite of whatever looks like a mistake: a story may be told twice in an hour, to its own number of people."""
    reach = campaign.reach or {}
    spite = {doubt.key: "The story is told again." for doubt in fuses.blown(campaign, reach, now())}
    workflow.approve(campaign, fingerprint=campaign.fingerprint(), reach=reach, by=supervisor, overrides=spite)


def ended(campaign: Campaign) -> Callable[[], bool]:
    """Whether the campaign's sending has ended by now."""
    return lambda: Campaign.objects.filter(pk=campaign.pk, status__in=OVER).exists()


def ledger_of(campaign: Campaign) -> dict[str, int]:
    """Our own account of it: accepted, and failed by reason, in people written to one by one."""
    rows = Delivery.objects.filter(campaign=campaign).exclude(contact=0).values_list("status", "reason")
    return dict(Counter(reason if status == Delivery.Status.FAILED else status for status, reason in rows))


def order_of(campaign: Campaign, slug: str = "vk-geo") -> dict[str, int | None]:
    """What those who were asked to send by this way said of their order: totals only; empty without one."""
    order = Order.objects.filter(batch__campaign=campaign, batch__account__slug=slug).first()
    names = ("estimate_lower", "estimate_upper", "matched", "sent", "failed")
    return {name: getattr(order, name) for name in names} if order else {}


def _declare(told: dict[str, Any], by: User) -> Incident:
    countries = Country.objects.filter(pk__in=told.pop("countries"))
    del told["at"]
    return incidents.declare(Incident(**told), countries, by=by)


def _content(told: dict[str, Any], ways: tuple[str, ...]) -> workflow.Draft:
    exception = "vk-geo" in ways
    return workflow.Draft(
        kind=told["kind"],
        texts={text["language"]: Words(*(text[name] for name in Words._fields)) for text in told["texts"]},
        link=told["texts"][0]["link"],
        accounts=[*Account.objects.filter(slug__in=ways, drill=False)],
        audience_version=telling.told(),
        not_after=datetime.fromisoformat(told["not_after"]),
        exception_reason=told["exception_reason"] if exception else "",
        exception_expires_at=now() + timedelta(hours=48) if exception else None,
    )


def _timed(act: Callable[[], object]) -> float:
    """Milliseconds it takes."""
    began = perf_counter()
    act()
    return (perf_counter() - began) * 1000
