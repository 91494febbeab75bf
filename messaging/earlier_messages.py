"""Conditions of an audience about an earlier message: who got it, who did not, who did not answer it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _

from audiences.criteria import LEAVES, Clause, Criteria
from audiences.criteria.checks import ids_of, keys_of, missing
from audiences.criteria.clauses import Beginning, Narrowing
from crisis.models import ApiClient, User
from crisis.refusal import Problem
from messaging.models import Campaign

# From the moment two persons confirm a purge it is not known any more: half of the answer would be a wrong one.
KNOWN = """NOT EXISTS (SELECT FROM crisis_destruction x JOIN messaging_campaign c ON c.incident_id = x.incident_id
                        WHERE c.id = %({name}_campaign)s)"""
GOT = f"SELECT g.contact FROM messaging_got(%({{name}}_campaign)s) AS g (contact) WHERE {KNOWN}"
RECORDED = f"{KNOWN} AND EXISTS (SELECT FROM messaging_delivery WHERE campaign_id = %({{name}}_campaign)s AND contact <> 0)"


@dataclass(frozen=True, slots=True)
class About:
    """A condition about one message, by its number."""

    op: ClassVar[str]
    campaign: int

    def __post_init__(self) -> None:
        ids_of((self.campaign,), "campaign")

    def problems(self, by: User) -> list[Problem]:
        """A person names a message of an incident they see, a program one of its own."""
        seen = Campaign.objects.seen_by(by)
        seen = seen.filter(created_by=by) if ApiClient.objects.filter(user=by).exists() else seen
        sentence = _("There is no campaign No. %(n)d that you can see. Choose another one.")
        return missing(seen, [self.campaign], "campaign", sentence)

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "campaign": self.campaign}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "campaign")
        return cls(data["campaign"])


@dataclass(frozen=True, slots=True)
class Those(Beginning, About):
    """Those of a message whom `people` selects, while the database knows of anybody."""

    @abstractmethod
    def people(self, at: datetime, name: str) -> Clause: ...

    def clause(self, at: datetime, name: str) -> Clause:
        inner = self.people(at, name)
        return Clause(f"p.contact_id IN ({inner.text})", inner.params, RECORDED.format(name=name))


@dataclass(frozen=True, slots=True)
class Got(Those):
    """Got the message or what it corrects, or may have got it. Nobody did once the personal data of it are destroyed."""

    op: ClassVar[str] = "got"

    def people(self, at: datetime, name: str) -> Clause:
        return Clause(GOT.format(name=name), {f"{name}_campaign": self.campaign})

    def sentence(self) -> str:
        return _("people who got campaign No. %(n)d") % {"n": self.campaign}


@dataclass(frozen=True, slots=True)
class DidNotGet(Narrowing, About):
    """Did not get the campaign, newcomers included. Nobody is meant when the database no longer knows who got it: that must
    not turn into everybody."""

    op: ClassVar[str] = "did_not_get"

    def clause(self, at: datetime, name: str) -> Clause:
        known = RECORDED.format(name=name)
        text = f"({known} AND NOT p.contact_id IN ({GOT.format(name=name)}))"
        return Clause(text, {f"{name}_campaign": self.campaign}, known)

    def sentence(self) -> str:
        return _("only those who did not get campaign No. %(n)d") % {"n": self.campaign}


@dataclass(frozen=True, slots=True)
class DidNotAnswer(Those):
    """Got the message and wrote nothing back since."""

    op: ClassVar[str] = "did_not_answer"

    def people(self, at: datetime, name: str) -> Clause:
        answered = "SELECT r.contact FROM messaging_reply r WHERE r.contact IS NOT NULL AND r.campaign_id = %({name}_campaign)s"
        text = f"{GOT} EXCEPT {answered}".format(name=name)
        return Clause(text, {f"{name}_campaign": self.campaign})

    def sentence(self) -> str:
        return _("people who got campaign No. %(n)d and did not answer it") % {"n": self.campaign}


def forgotten(criteria: Criteria) -> list[int]:
    """The messages a rule asks about of which it is not known any more who got them: their incidents' data are destroyed."""
    asked = [leaf.campaign for leaf in criteria.leaves() if isinstance(leaf, About)]
    purged = Campaign.objects.filter(pk__in=asked, incident__destructions__isnull=False)
    return [*purged.order_by("pk").values_list("pk", flat=True)]


def register() -> None:
    """Let audiences be made of these."""
    LEAVES.update({leaf.op: leaf for leaf in (Got, DidNotGet, DidNotAnswer)})
