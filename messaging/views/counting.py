"""How many people a rule means by our own accounts, as `messaging/_campaign_count.html` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audiences.criteria import Criteria
from audiences.models import AddressKind
from audiences.outages import described
from audiences.reach import reach
from crisis.clock import now
from messaging.forms.campaigns import CampaignForm
from messaging.phrases import EXCLUDED


def count_of(criteria: Criteria, kinds: Sequence[int]) -> dict[str, Any]:
    """The sentence, the count of now by address kind, and the narrower choices."""
    at = now()
    found = reach(criteria, kinds, at=at)
    by_kind = [
        {
            "label": AddressKind(kind).label,
            "people": r.writable,
            "cut_off": [(described(outage), n) for outage, n in r.cut_off.items()],
            "excluded": [(EXCLUDED[w], n) for w, n in r.excluded.items() if n],
        }
        for kind, r in found.by_kind.items()
    ]
    mode = criteria.place.mode if criteria.place else ""
    return {
        "count": found,
        "count_sentence": criteria.sentence(),
        "count_by_kind": by_kind,
        "count_at": at,
        "narrower": sorted(found.narrower.items(), reverse=True),
        "stays": found.was_there - found.left if mode == "was_there" else 0,
        "mode": mode,
    }


def count_in(form: CampaignForm) -> dict[str, Any]:
    """Context of the count: the sentence of the audience chosen, and how many people it means by our own accounts."""
    criteria = form.criteria if form.is_bound else _initial_criteria(form)
    if criteria is None:
        return {"count": None}
    kinds = sorted({a.address_kind for a in _addressed(form)})
    return count_of(criteria, kinds)


def _initial_criteria(form: CampaignForm) -> Any:
    if form.initial.get("audience") != "new":
        form.cleaned_data = {"audience": form.initial.get("audience", "")}
        return form.criteria
    names = ("countries", "hours", "until", "until_now", "mode", "subscribed", "permitted")
    return form.rule({name: form.initial.get(name) for name in names})


def _addressed(form: CampaignForm) -> list[Any]:
    return [a for a in form.fields["accounts"].queryset if a.address_kind is not None]  # type: ignore[attr-defined]
