"""Contact cards of a duty desk: the list in the order of asking, and the forms that keep it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crisis.forms import add_problems
from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.views import person
from messaging import desks
from messaging.models import Account, Card
from messaging.models.accounts import by_hand

FIELDS = [*desks.LINES, "step", "parent", "note"]


class CardForm(forms.ModelForm):  # type: ignore[type-arg]
    """One official. What makes a card is judged by the verb."""

    class Meta:
        model = Card
        fields = FIELDS
        labels = {"role": gettext_lazy("Position"), "person": gettext_lazy("Name of the person")}
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}
        help_texts = {
            "role": gettext_lazy("What they are there. It stays in the log of orders when the card is retired."),
            "step": gettext_lazy("1 is called first."),
            "parent": gettext_lazy("In a tree of wardens: who passes the word on to them. Nobody: we call them ourselves."),
        }

    def __init__(self, desk: Account, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Card.objects.filter(account=desk, retired_at=None).exclude(pk=self.instance.pk)
        self.fields["parent"].queryset = others  # type: ignore[attr-defined]
        self.fields["parent"].empty_label = _("nobody: we call them ourselves")  # type: ignore[attr-defined]
        if desk.drill:
            for name in desks.REACHED:
                del self.fields[name]

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.fields}

    def _post_clean(self) -> None:
        """The row is checked and written by the verb alone, so the form touches none."""


@require_http_methods(["GET", "HEAD", "POST"])
@requires("desk.see", post="desk.write")
def card_list(request: HttpRequest, pk: int) -> HttpResponse:
    """Whom do we ask there? POST adds one."""
    desk = get_object_or_404(Account, pk=pk, slug__in=by_hand())
    form = CardForm(desk, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            card = desks.add(desk, form.values(), by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("Added: %(card)s.") % {"card": card})
            return redirect("card_list", pk)
    context = {"account": desk, "drill": desk.drill, "leaves": desks.tree(desks.in_use(desk)), "form": form}
    return render(request, "messaging/card_list.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("desk.write")
def card_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """What is on a card."""
    card = _find(pk)
    form = CardForm(card.account, request.POST or None, instance=card)
    if request.method == "POST" and form.is_valid():
        try:
            desks.change(card, form.values(), by=person(request))
        except Refused as refused:
            add_problems(form, refused)
        else:
            messages.success(request, _("Changed: %(card)s.") % {"card": Card.objects.get(pk=pk)})
            return redirect("card_list", card.account_id)
    context = {"account": card.account, "drill": card.account.drill, "card": card, "form": form}
    return render(request, "messaging/card_edit.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("desk.write")
def card_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what is destroyed, POST does it."""
    card = _find(pk)
    if request.method == "POST":
        desks.retire(card, by=person(request))
        messages.success(request, _("Retired. Name, phones and notes are destroyed."))
        return redirect("card_list", card.account_id)
    context = {
        "account": card.account,
        "drill": card.account.drill,
        "card": card,
        "action": reverse("card_retire", args=[pk]),
        "cancel_url": reverse("card_list", args=[card.account_id]),
    }
    return render(request, "messaging/card_retire.html", context)


def _find(pk: int) -> Card:
    return get_object_or_404(Card.objects.select_related("account", "parent"), pk=pk, retired_at=None)
