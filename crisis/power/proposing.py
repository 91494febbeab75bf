"""A filled form becomes a proposal, or says beside its fields why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.forms import add_problems
from crisis.models import AdminAction, User
from crisis.power import changing
from crisis.power.forms import WhyForm
from crisis.refusal import Refused


def proposed(kind: str, form: WhyForm, *, by: User, about: Mapping[str, Any] | None = None) -> AdminAction | None:
    """The proposal that was written down; None when the form is empty or wrong, and then it says so itself."""
    if not form.is_valid():
        return None
    try:
        return changing.propose(kind, data={**form.change(), **(about or {})}, why=form.cleaned_data["why"], by=by)
    except Refused as refused:
        add_problems(form, refused)
    return None
