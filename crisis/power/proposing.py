"""A filled form becomes a proposal, or says beside its fields why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from crisis.models import AdminAction, User
from crisis.power import changing
from crisis.refusal import Refused


class Proposal(Protocol):
    """A form with its reason (`crisis.power.forms.WhyForm`) that knows what it would change."""

    fields: dict[str, Any]
    cleaned_data: dict[str, Any]

    def is_valid(self) -> bool: ...
    def change(self) -> dict[str, Any]: ...
    def add_error(self, field: str | None, error: Any) -> None: ...


def proposed(kind: str, form: Proposal, *, by: User, about: Mapping[str, Any]) -> AdminAction | None:
    """The proposal that was written down; None when the form is empty or wrong, and then it says so itself."""
    if not form.is_valid():
        return None
    try:
        return changing.propose(kind, data={**form.change(), **about}, why=form.cleaned_data["why"], by=by)
    except Refused as refused:
        for problem in refused.problems:
            form.add_error(problem.field if problem.field in form.fields else None, str(problem.sentence))
    return None
