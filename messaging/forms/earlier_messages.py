"""Questions of the audience form about an earlier message: who got it, who did not, who did not answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.criteria import Node
from audiences.criteria.clauses import Beginning
from audiences.questions import FROM_ELSEWHERE, NOTHING, Fields, Question, Shown
from crisis.models import Incident, User
from messaging.earlier_messages import About, DidNotAnswer, DidNotGet, Got
from messaging.models import Campaign

ASKED: Mapping[type[About], Any] = {
    Got: gettext_lazy("Got the campaign"),
    DidNotGet: gettext_lazy("Did not get the campaign"),
    DidNotAnswer: gettext_lazy("Got the campaign and did not answer it"),
}
MOST = 200  # messages to choose from, the newest first


def register() -> None:
    """Let the form of an audience ask this."""
    FROM_ELSEWHERE.extend(
        Question(
            partial(_fields, leaf),
            ((leaf.op,),),
            partial(_read, leaf),
            partial(_show, leaf),
            {"campaign": leaf.op},
            names_people=issubclass(leaf, Beginning),
        )
        for leaf in ASKED
    )


def _fields(leaf: type[About], by: User) -> Fields:
    choices = [("", _("no matter")), *_messages(by)]
    return {leaf.op: forms.ChoiceField(label=ASKED[leaf], choices=choices, required=False)}


def _messages(by: User) -> list[tuple[str, list[tuple[str, str]]]]:
    """Messages that were begun, by incident: those of incidents that the person sees and whose data are still there."""
    incidents = Incident.objects.seen_by(by).exclude(destructions__isnull=False)
    begun = Campaign.objects.filter(incident__in=incidents).exclude(started_at=None).order_by("-pk")
    found: dict[str, list[tuple[str, str]]] = {}
    for campaign in begun.select_related("incident").prefetch_related("texts")[:MOST]:
        found.setdefault(str(campaign.incident), []).append((str(campaign.pk), f"№ {campaign.pk}: {campaign}"))
    return [*found.items()]


def _read(leaf: type[About], data: Mapping[str, Any]) -> list[Node]:
    return [leaf(int(data[leaf.op]))] if data[leaf.op] else []  # type: ignore[list-item]


def _show(leaf: type[About], nodes: Sequence[Node]) -> Shown:
    found = next((node for node in nodes if isinstance(node, leaf)), None)
    return ({leaf.op: str(found.campaign)}, [found]) if found else NOTHING
