"""Contact cards of duty desks: whom people ask there, in which order, and who asks whom in a tree of wardens.

A card holds an official's name and telephones, so they are emptied as soon as it is retired; its role stays for the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from crisis import audit
from crisis.clock import now
from crisis.lines import problems
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused
from messaging.models import Account, Card

LINES = ("role", "person", "organisation", "phone", "other_phone", "email", "hours", "languages")
REACHED = ("phone", "other_phone", "email")
PERSONAL = {name: "" for name in (*LINES, "note") if name not in ("role", "organisation")}
MOST, STEPS, NOTE = 500, 99, 2000  # cards of one desk; the last that is called; signs of a note
DEEPEST = 4  # as far as a tree is indented


@dataclass(frozen=True, slots=True)
class Leaf:
    """A card in its tree: `depth` 0 is asked by ourselves, 4 by the fourth behind us, or later."""

    card: Card
    depth: int


def in_use(account: Account) -> list[Card]:
    """The cards of a desk that are not retired, those asked first in front."""
    return [*Card.objects.filter(account=account, retired_at=None).select_related("parent")]


def tree(cards: Sequence[Card]) -> list[Leaf]:
    """Cards in the order in which they are asked, each behind whoever asks them."""
    below: dict[int | None, list[Card]] = {}
    for card in cards:
        below.setdefault(card.parent_id, []).append(card)
    return [*_leaves(below, None, 0)]


def _leaves(below: Mapping[int | None, list[Card]], parent: int | None, depth: int) -> Iterator[Leaf]:
    for card in below.get(parent, ()):
        yield Leaf(card, min(depth, DEEPEST))
        yield from _leaves(below, card.pk, depth + 1)


@transaction.atomic
def add(account: Account, values: Mapping[str, Any], *, by: User) -> Card:
    """Write a card. Raises Refused for what is no card of this desk."""
    demand(by, "desk.write")
    desk = _locked(account)
    if Card.objects.filter(account=desk, retired_at=None).count() >= MOST:
        raise Refused(_("A duty desk holds at most 500 contact cards. Retire one first."), status=422)
    card = Card(account=desk, **values)
    _check(card)
    card.save(force_insert=True)
    audit.record("desk.add", by=by, about=desk, data={"card": card.pk})
    return card


@transaction.atomic
def change(card: Card, values: Mapping[str, Any], *, by: User) -> None:
    """Write a card anew. Raises Refused for a retired one, and for what is no card of its desk."""
    demand(by, "desk.write")
    desk = _locked(card.account)
    fresh = _open(card)
    for name, value in values.items():
        setattr(fresh, name, value)
    _check(fresh)
    fresh.save(update_fields=[*values])
    audit.record("desk.change", by=by, about=desk, data={"card": fresh.pk})


@transaction.atomic
def retire(card: Card, *, by: User) -> None:
    """Ask this official no more. Name, telephones and notes are destroyed; whom they asked is asked by the next above."""
    demand(by, "desk.write")
    desk = _locked(card.account)
    fresh = _open(card)
    Card.objects.filter(parent=fresh).update(parent=fresh.parent)
    Card.objects.filter(pk=fresh.pk).update(retired_at=now(), **PERSONAL)
    audit.record("desk.retire", by=by, about=desk, data={"card": fresh.pk})


def _locked(account: Account) -> Account:
    """The desk, locked: two who plant trees in it at once cannot tie a knot."""
    if account.channel.kind != "manual":
        raise Refused(_("Only a duty desk that people ask has contact cards. Nothing was changed."))
    return Account.objects.select_for_update().get(pk=account.pk)


def _open(card: Card) -> Card:
    fresh = Card.objects.get(pk=card.pk)
    if fresh.retired_at:
        raise Refused(_("This card is retired. Nothing was changed. Write a new one."))
    return fresh


def _check(card: Card) -> None:
    found = [*_faults(card), *problems(card, LINES)]
    if found:
        raise Refused(problems=found, status=422)


def _faults(card: Card) -> Iterator[Problem]:
    if not card.role.strip():
        yield Problem("role", _("Say what they are there: “duty manager”, “warden of Hurghada”."))
    if not 1 <= card.step <= STEPS:
        yield Problem("step", _("Who is called first has 1, who is called last at most 99."))
    if len(card.note) > NOTE:
        yield Problem("note", _("A note is at most 2,000 characters long. Shorten it."))
    if card.account.drill:
        for name in REACHED:
            if getattr(card, name):
                yield Problem(name, _("A drill asks nobody real: leave phones and e-mail empty."))
    if card.parent and card.parent.account_id != card.account_id:
        yield Problem("parent", _("Whoever asks them has to be of the same duty desk."))
    elif card.parent and card.parent.retired_at:
        yield Problem("parent", _("That card is retired. Choose another one, or nobody."))
    elif card.pk and card.pk in _line(card):
        yield Problem("parent", _("They would be asked by somebody whom they ask themselves. Choose another one, or nobody."))


def _line(card: Card) -> set[int]:
    """Everybody above a card."""
    parents = dict(Card.objects.filter(account=card.account).values_list("pk", "parent"))
    line: set[int] = set()
    above = card.parent_id
    while above is not None and above not in line:
        line.add(above)
        above = parents.get(above)
    return line
