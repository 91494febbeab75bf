"""The automatic answer to a person who wrote back: once, in their language, with the phone of the nearest mission."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from audiences import presence
from audiences.models import Contact, Presence
from crisis.clock import now
from crisis.models import Incident, Mission
from messaging.delivery.claiming import HeldLane, renew
from messaging.models import Reply

KEY_REMEMBERED = timedelta(minutes=50)  # VK knows a key for an hour

CLAIM = """
UPDATE messaging_reply r SET lease_until = crisis_now() + %(lease)s * interval '1 second', in_doubt = true
  FROM (SELECT id, in_doubt FROM messaging_reply WHERE account_id = %(account)s AND answer = 'queued'
           AND (lease_until IS NULL OR lease_until < crisis_now()) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) due
 WHERE r.id = due.id
RETURNING r.id, due.in_doubt
"""


@dataclass(frozen=True, slots=True)
class Due:
    """An answer to send. `key` repeats with it, so that a repeat after a crash is recognised by the platform."""

    id: int
    contact: int
    address: str = field(repr=False)
    body: str
    language: str
    key: int


def claim(lane: HeldLane, *, repeatable: bool) -> Due | None:
    """Hold the oldest unanswered reply of the lane's account. A person who cannot be written to is closed as failed.

    So is, unless the platform knows a repeat (`repeatable`), one whose answer somebody may have sent and not lived to note.
    """
    while (found := _hold(lane)) is not None:
        pk, in_doubt = found
        if (repeatable or not in_doubt) and (due := _due(pk)) is not None:
            return due
        Reply.objects.filter(pk=pk).update(answer=Reply.Answer.FAILED)
    return None


@transaction.atomic
def _hold(lane: HeldLane) -> tuple[int, bool] | None:
    """The reply, and whether nobody knows what became of an earlier try."""
    if not renew(lane):
        return None
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"account": lane.account, "lease": settings.LEASE_SECONDS})
        row: tuple[int, bool] | None = cursor.fetchone()
    return row


def _due(pk: int) -> Due | None:
    """The answer to a reply, or None when its person cannot be written to."""
    reply = Reply.objects.select_related("account", "campaign__incident").get(pk=pk)
    found, _missing = presence.addresses([reply.contact or 0], reply.account.address_kind or 0)
    if reply.contact is None or reply.contact not in found:
        return None
    language = Contact.objects.values_list("language", flat=True).get(pk=reply.contact)
    return Due(reply.pk, reply.contact, found[reply.contact], answer(reply, language), language, reply.key)


def answer(reply: Reply, language: str) -> str:
    """The words of the answer. A phone is named only where one with a noted source is known."""
    with translation.override("ru" if language in ("ru", "") else "en"):
        words = [_("Your message has been received by the Situational Crisis Center and will be read by a person.")]
        mission = _mission(reply.contact or 0)
        if mission:
            words.append(f"{mission}, {mission.city}" + (f": {mission.phone}" if mission.phone else ""))
        incident: Incident | None = reply.campaign.incident if reply.campaign else None
        if incident and incident.hotline:
            words.append(_("Hotline: %(phone)s") % {"phone": incident.hotline})
        return "\n".join(words)


def _mission(contact: int) -> Mission | None:
    country = Presence.objects.filter(contact_id=contact).order_by("-last_seen_at").values_list("country", flat=True).first()
    missions = Mission.objects.filter(country=country).order_by("id")
    return missions.exclude(phone="").first() or missions.first()


def _is_old(due: Due) -> bool:
    """Whether the platform may have forgotten the key, so that one more try could reach the person twice."""
    return Reply.objects.filter(pk=due.id, received_at__lt=now() - KEY_REMEMBERED).exists()


def close(due: Due, *, answered: bool, again: bool = False) -> None:
    """Note how an answer went. `again`: it may be tried once more, with the same key, when its lease runs out."""
    if again and not _is_old(due):
        Reply.objects.filter(pk=due.id, answer=Reply.Answer.QUEUED).update(in_doubt=False)
        return
    status = Reply.Answer.SENT if answered else Reply.Answer.FAILED
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_reply SET answer = %s, answered_at = crisis_now(), lease_until = NULL"
            " WHERE id = %s AND answer = 'queued'",
            [status.value, due.id],
        )
