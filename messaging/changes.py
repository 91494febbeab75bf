"""What has changed in a campaign since a round that somebody had read: words by language, everything else row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audiences.criteria import Criteria
from audiences.models import AudienceVersion
from crisis.models import AuditEntry, User
from crisis.templatetags.console import local_time
from crisis.wording import Piece, words
from messaging.models import Account, Campaign, Kind, Part, Round, Status, WhenUncertain
from messaging.phrases import UNKNOWN, size_of
from messaging.wording import Words

FIELDS = (*Words._fields, "link")


@dataclass(frozen=True, slots=True)
class TextChange:
    """One text of which something changed."""

    part: Any
    language: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Changes:
    """`since`: the round compared with; `own`: whether the reader had answered it; `asked`: what was said of it afterwards."""

    since: Round
    own: bool
    asked: list[AuditEntry]
    texts: list[TextChange]
    facts: list[tuple[Any, str, str]]


def since_seen(campaign: Campaign, reader: User) -> Changes | None:
    """What changed since the last round the reader answered, or since the one before. None when there was none."""
    rounds = [*campaign.rounds.order_by("number")]
    waits = campaign.status == Status.SUBMITTED
    earlier = [row for row in rounds if row.number < campaign.round or not waits]
    if not earlier:
        return None
    answered = [row for row in earlier if row.number in _answered(campaign, reader, earlier)]
    since = (answered or earlier)[-1]
    now = rounds[-1] if waits else None
    texts = now.texts if now else _texts_of(campaign)
    return Changes(
        since,
        own=bool(answered),
        asked=[*_said(campaign).filter(at__gte=since.at).select_related("by")],
        texts=[*text_changes(since.texts, texts)],
        facts=[*_fact_changes(since, now.facts if now else _facts_of(campaign), campaign.reach if waits else None)],
    )


def _said(campaign: Campaign) -> Any:
    """Why it came back, from the log: returned, taken back or held."""
    actions = ("campaign.send_back", "campaign.withdraw", "campaign.hold")
    about = {"object_type": campaign._meta.label_lower, "object_id": str(campaign.pk)}
    return AuditEntry.objects.filter(action__in=actions, **about).order_by("id")


def _answered(campaign: Campaign, reader: User, rounds: Iterable[Round]) -> set[int]:
    """Numbers of the rounds that this person took, decided or returned."""
    taken = {*campaign.notices.filter(person=reader).exclude(answered_at=None).values_list("round", flat=True)}
    decided = {*campaign.approvals.filter(by=reader).values_list("round", flat=True)}
    returned = [*_said(campaign).filter(action="campaign.send_back", by=reader).values_list("at", flat=True)]
    before = [[row.number for row in rounds if row.at <= at] for at in returned]
    return taken | decided | {numbers[-1] for numbers in before if numbers}


def _texts_of(campaign: Campaign) -> list[dict[str, Any]]:
    return [*campaign.texts.order_by("part", "-language").values("part", "language", *FIELDS)]


def text_changes(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Iterator[TextChange]:
    """Texts that differ, by part and language. One that was removed or added is shown whole."""
    old, new = ({(row["part"], row["language"]): _whole(row) for row in rows} for rows in (before, after))
    for part, language in dict.fromkeys([*new, *old]):
        was, becomes = old.get((part, language), ""), new.get((part, language), "")
        if was != becomes:
            yield TextChange(Part(part).label, language, words(was, becomes))


def _whole(row: Mapping[str, Any]) -> str:
    return "\n\n".join(row[name].strip() for name in FIELDS if row[name].strip())


def _facts_of(campaign: Campaign) -> dict[str, Any]:
    """What a draft would be submitted with, as `Round.facts` has it."""
    times = {name: getattr(campaign, name) for name in ("starts_at", "not_after", "exception_expires_at")}
    return {
        "kind": campaign.kind,
        "when_uncertain": campaign.when_uncertain,
        "audience": campaign.audience_version_id,
        "accounts": sorted(campaign.accounts.values_list("pk", flat=True)),
        "post_url": campaign.post_url,
        "exception_reason": campaign.exception_reason,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def _fact_changes(since: Round, facts: Mapping[str, Any], reach: Mapping[str, Any] | None) -> Iterator[tuple[Any, str, str]]:
    """(what, then, now) of everything but the words that is another one."""
    rows: list[tuple[Any, str, Callable[[Any], str]]] = [
        (_("Kind of campaign"), "kind", lambda value: str(Kind(value).label)),
        (_("Who gets it"), "audience", _audience),
        (_("Ways"), "accounts", _accounts),
        (_("Post to be spread"), "post_url", lambda value: value or "—"),
        (UNKNOWN, "when_uncertain", lambda value: str(WhenUncertain(value).label)),
        (_("Start"), "starts_at", _time),
        (_("Valid until"), "not_after", _time),
        (_("Why people who did not subscribe are included"), "exception_reason", lambda value: value or "—"),
        (_("The exception ends"), "exception_expires_at", _time),
    ]
    for label, name, say in rows:
        then, now = say(since.facts[name]), say(facts[name])
        if then != now:
            yield label, then, now
    if reach is not None and str(size_of(since.reach)) != str(size_of(reach)):
        yield _("How many people"), str(size_of(since.reach)), str(size_of(reach))


def _audience(pk: int | None) -> str:
    row = AudienceVersion.objects.get(pk=pk) if pk else None
    return Criteria.from_json(row.criteria).sentence() if row else "—"


def _accounts(pks: Iterable[int]) -> str:
    return ", ".join(row.label for row in Account.objects.filter(pk__in=[*pks]).order_by("pk")) or "—"


def _time(at: str | None) -> str:
    return local_time(datetime.fromisoformat(at)) if at else "—"
