"""What messages keep of one person who asks what is held or asks to be forgotten, and what has to be waited for."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audiences import forgetting
from crisis.refusal import Problem
from crisis.templatetags.console import things
from messaging.models import OPEN_BATCHES, Batch, Delivery, Reply


def register() -> None:
    """Have it asked by `audiences.forgetting`."""
    forgetting.TELLERS.append(told)
    forgetting.HINDRANCES.append(hindrances)
    forgetting.ERASERS["replies"] = erase_replies


def told(contact: int) -> Iterator[str]:
    """Messages kept under the person's number, and their replies. Results go with their incident, not with the person."""
    campaigns = Delivery.objects.filter(contact=contact).values_list("campaign", flat=True).distinct().order_by("campaign")
    if numbers := [str(pk) for pk in campaigns]:
        words = _(
            "Results of messages are kept under a number, without an address, until their incident is destroyed: %(all)s."
        )
        yield words % {"all": ", ".join(f"№ {pk}" for pk in numbers)}
    if replies := Reply.objects.filter(contact=contact).count():
        yield ngettext("%(n)s reply is kept.", "%(n)s replies are kept.", replies) % {"n": things(replies)}


def hindrances(contact: int) -> Iterator[Problem]:
    """A message that is under way to them, and words of theirs that nobody has read."""
    if Batch.objects.filter(status__in=OPEN_BATCHES, people__contains=[contact]).exists():
        sentence = _("A message to this person is under way. Wait until the sending has ended, or stop it, then try again.")
        yield Problem("", sentence)
    replies = Reply.objects.filter(contact=contact)
    if replies.filter(read_at=None).exists() or replies.filter(answer=Reply.Answer.QUEUED).exists():
        yield Problem("", _("This person wrote back and nobody has read it yet. Have a duty officer read it first."))


def erase_replies(contact: int) -> int:
    """What they wrote. Returns how many replies."""
    return Reply.objects.filter(contact=contact).delete()[0]
