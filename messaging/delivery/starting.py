"""The two ends of a sending: the snapshot that freezes who gets what, and the closing of what is left."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext_lazy as _

from crisis import audit, incidents
from crisis.clock import now
from crisis.models import Incident, Severity, User
from crisis.templatetags.console import roughly
from messaging import bell
from messaging.choosing import chosen_sql
from messaging.delivery.excepting import is_over, use
from messaging.delivery.freezing import freeze_orders
from messaging.delivery.turns import Turns
from messaging.models import FIRST, Account, Batch, Campaign, Lane, Status

GROWTH, LEAST = 0.10, 100  # the sending is held when reach grew by more than both since the approver saw it
RANKS = [*Severity.values]


class Held(Exception):
    """The sending did not begin: what was counted is no longer what the approver saw. As text: why, in words for the reader."""

    def __init__(self, why: Any, **values: Any) -> None:
        super().__init__(why)
        self.why, self.values = why, values

    def __str__(self) -> str:
        return str(self.why) % self.values


# Corrections come before right texts ('corrected' < 'main'), and languages advance side by side. Everybody is read once and
# listed by the text they get, and the lists are cut: a row a person would be sorted and grouped again for every batch. OFFSET 0
# has them cut before the batches are numbered: PostgreSQL would rather carry the whole list along with each of its pieces.
SNAPSHOT = """
INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                             in_doubt, reason, accepted, failed, uncertain, delivered, read, not_before)
SELECT %(campaign)s, %(account)s, text_id, %(before)s + n, %(rank)s, people, cardinality(people),
       'queued', 1 + floor(random() * 2147483646)::int, 0, 0, false, '', 0, 0, 0, 0, 0,
       %(first_at)s::timestamptz + (%(taken)s + n - 1) * %(seconds)s * interval '1 second'
  FROM (SELECT text_id, people, row_number() OVER (ORDER BY part, chunk, text_id) AS n
          FROM (SELECT part, text_id, chunk, everybody[chunk * %(most)s + 1 : (chunk + 1) * %(most)s] AS people
                  FROM (SELECT {lists} FROM (SELECT q.contact_id, CASE {words} END AS text_id FROM ({chosen}) q) worded) listed,
                       LATERAL (VALUES {texts}) AS of_text (part, text_id, everybody),
                       generate_series(0, (cardinality(everybody) - 1) / %(most)s) AS chunk
                OFFSET 0) cut) numbered
 ORDER BY n
"""
LIST = "array_sort(array_agg(contact_id) FILTER (WHERE text_id = {text})) AS of_{text}"
ROOM = "SET LOCAL work_mem = '64MB'"  # to sort a million people in
LAST_TURN = "SELECT max(asked_at) + %s * interval '1 second' FROM messaging_batch WHERE campaign_id = %s"


def start(campaign: Campaign, seen: dict[str, Any], *, by: User | None) -> None:
    """Begin to send an approved campaign whose row is locked: status, batches, orders and audit in the caller's transaction.

    `seen` is the reach the approver saw. Raises Held, which must roll the caller's transaction back.
    """
    if campaign.incident.status == Incident.Status.CLOSED:
        raise Held(_("The incident was closed after this was approved. Declare a new one to send about it."))
    at, began = now(), perf_counter()
    if is_over(campaign, at):
        raise Held(_("The exception this rests on is over. Renew it, or send the campaign without it."))
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENDING, started_at=at, status_reason="", updated_at=at)
    accounts = [*campaign.accounts.order_by("pk")]
    counted = _freeze(campaign, accounts, at)
    _hold_if_grown(accounts, counted, seen)
    took = round(perf_counter() - began, 3)
    use(campaign, at, by=by)
    incidents.tell(campaign.incident_id, _("Sending began: %(headline)s"), headline=campaign)
    audit.record("campaign.start", by=by, about=campaign, data={"people": counted, "round": campaign.round, "snapshot_s": took})
    ring(campaign)


def add(campaign: Campaign, seen: dict[str, Any]) -> tuple[dict[int, int], int]:
    """Let in whoever came since a campaign was sent, whose row is locked. Returns people by account, and orders.

    A platform that finds people by itself is asked to leave out whom it wrote to already. Raises Held, which must roll the
    caller's transaction back, when all of them together are more than the approver saw.
    """
    at = now()
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENDING, ended_at=None, updated_at=at)
    every = [*campaign.accounts.order_by("pk")]
    accounts = [account for account in every if account.addressed]
    added = _freeze(campaign, accounts, at, newcomers=True)
    rank = _rank(campaign)
    orders = sum(freeze_orders(campaign, account, rank, newcomers=True) for account in every if not account.addressed)
    rows = Batch.objects.filter(FIRST, campaign=campaign).values_list("account").annotate(people=Sum("total"))
    _hold_if_grown(accounts, {account.pk: 0 for account in accounts} | dict(rows), seen)
    ring(campaign)
    return added, orders


def ring(campaign: Campaign) -> None:
    """Once the transaction is committed, tell the workers that there is something to do for this campaign."""
    lanes = [*Lane.objects.filter(account__campaigns=campaign).select_related("account")]
    transaction.on_commit(partial(bell.ring, lanes), robust=True)


def _freeze(campaign: Campaign, accounts: list[Account], at: datetime, *, newcomers: bool = False) -> dict[int, int]:
    """Freeze the people of every account, one account after the other where the campaign has its own pace."""
    turns, taken, counted = Turns.of(campaign.pace), 0, {}
    for account in accounts:
        if account.address_kind is None:
            freeze_orders(campaign, account, _rank(campaign))
            counted[account.pk] = 0
            continue
        batches, counted[account.pk] = _freeze_people(campaign, account, at, turns, taken, newcomers=newcomers)
        taken += batches
    return counted


def _freeze_people(
    campaign: Campaign, account: Account, at: datetime, turns: Turns, taken: int, *, newcomers: bool
) -> tuple[int, int]:
    chosen, parameters = chosen_sql(campaign, account, at, newcomers=newcomers)
    statement, languages = _snapshot_sql(campaign, chosen)
    before = Batch.objects.filter(campaign=campaign, account=account).aggregate(n=Max("number"))["n"] or 0
    values = {
        **parameters, **languages, "rank": _rank(campaign), "before": before, "most": turns.people,
        "seconds": turns.seconds, "taken": taken, "first_at": _first_turn(campaign, at, turns) if turns.seconds else None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(ROOM)
        cursor.execute(statement, values)
        cursor.execute(
            "SELECT count(*), coalesce(sum(total), 0) FROM messaging_batch"
            " WHERE campaign_id = %(campaign)s AND account_id = %(account)s AND number > %(before)s",
            values,
        )
        batches, people = cursor.fetchone()
    return int(batches), int(people)


def _snapshot_sql(campaign: Campaign, chosen: str) -> tuple[str, dict[str, str]]:
    """The statement for the texts of a campaign. Whoever speaks another language gets the Russian one, or the only one."""
    words, languages, known = [], {}, []
    for part in campaign.parts:
        texts = [text for text in campaign.texts.all() if text.part == part]
        other = next((text for text in texts if text.language == "ru"), texts[0])
        for text in texts:
            if text != other:
                words.append(f"WHEN q.part = '{part}' AND q.language = %(language_{text.pk})s THEN {text.pk}")
                languages[f"language_{text.pk}"] = text.language
        words.append(f"WHEN q.part = '{part}' THEN {other.pk}")
        known += texts
    return SNAPSHOT.format(
        chosen=chosen,
        words=" ".join(words),
        lists=", ".join(LIST.format(text=text.pk) for text in known),
        texts=", ".join(f"('{text.part}', {text.pk}, of_{text.pk})" for text in known),
    ), languages


def _first_turn(campaign: Campaign, at: datetime, turns: Turns) -> datetime:
    """Now, or a turn after the last one of an earlier sending of the same campaign."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_TURN, [turns.seconds, campaign.pk])
        return max(at, cursor.fetchone()[0] or at)


def _rank(campaign: Campaign) -> int:
    return RANKS.index(campaign.incident.severity)


def grown(before: int, people: int) -> bool:
    """Whether so many more people are too many to be sent to without asking again."""
    return people - before > LEAST and people > before * (1 + GROWTH)


def _hold_if_grown(accounts: list[Account], counted: dict[int, int], seen: dict[str, Any]) -> None:
    known = seen.get("accounts", {})
    for account in accounts:
        if str(account.pk) not in known:
            raise Held(_("%(account)s was not part of what the approver saw."), account=account)
        before, people = known[str(account.pk)].get("people", 0), counted[account.pk]
        if account.addressed and grown(before, people):
            raise Held(
                _(
                    "%(account)s would now reach %(people)s people; the approver saw %(before)s. "
                    "Submit it again with the new number."
                ),
                account=account,
                people=roughly(people),
                before=roughly(before),
            )


# Orders that were placed are to be cancelled at once: what waits for the next question of ours waits no longer.
CANCEL_PLACED = """
WITH placed AS (
    UPDATE messaging_order o SET cancel_asked_at = crisis_now() FROM messaging_batch b
     WHERE b.id = o.batch_id AND b.campaign_id = %s
       AND o.asked_at IS NOT NULL AND o.ended_at IS NULL AND o.cancel_asked_at IS NULL
 RETURNING o.id, o.batch_id
), hastened AS (
    UPDATE messaging_batch SET not_before = NULL WHERE campaign_id = %s AND id IN (SELECT batch_id FROM placed)
)
INSERT INTO messaging_orderword (order_id, kind, at, way, text, numbers, source)
SELECT id, 'cancel_asked', crisis_now(), '', '', '{}', '' FROM placed
"""


def cancel_placed(campaign: Campaign) -> int:
    """Let every order of a campaign that was placed be cancelled, whatever the campaign's status. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(CANCEL_PLACED, [campaign.pk, campaign.pk])
        return int(cursor.rowcount)


def close_open(campaign: Campaign, status: Status) -> dict[str, int]:
    """Close what is still queued of a campaign that was stopped or has expired. Returns people who had gone and who will not.

    Requests on the wire end by themselves and are recorded. An order that was placed is to be cancelled now, and stays open
    until its platform has done so.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE messaging_batch b SET status = %(status)s, not_before = NULL
                 FROM messaging_batch x LEFT JOIN messaging_order o ON o.batch_id = x.id
                WHERE x.id = b.id AND b.campaign_id = %(campaign)s AND b.status = 'queued' AND o.asked_at IS NULL""",
            {"status": status.value, "campaign": campaign.pk},
        )
        cursor.execute(
            """UPDATE messaging_order o SET status = 'cancelled', ended_at = crisis_now()
                 FROM messaging_batch b
                WHERE b.id = o.batch_id AND b.campaign_id = %s AND b.status = %s
                  AND o.asked_at IS NULL AND o.ended_at IS NULL""",
            [campaign.pk, status.value],
        )
        cancel_placed(campaign)
        cursor.execute(
            """SELECT coalesce(sum(accepted + failed + uncertain), 0), coalesce(sum(total - accepted - failed - uncertain)
                      FILTER (WHERE status = %s AND total > 0 AND resend_of_id IS NULL), 0)
                 FROM messaging_batch WHERE campaign_id = %s""",
            [status.value, campaign.pk],
        )
        gone, left = cursor.fetchone()
    return {"gone": int(gone), "left": int(left)}


# An order for whose answer nothing waits any more keeps nothing open.
FINISHED = """
    SELECT c.id FROM messaging_campaign c
     WHERE c.status = 'sending' AND (%(among)s::bigint[] IS NULL OR c.id = ANY (%(among)s))
       AND NOT EXISTS (SELECT FROM messaging_batch b LEFT JOIN messaging_order o ON o.batch_id = b.id
                        WHERE b.campaign_id = c.id AND b.status IN ('queued', 'sending')
                          AND (o.waived_at IS NULL OR o.decision <> ''))
       FOR UPDATE OF c SKIP LOCKED
"""


@transaction.atomic
def finish(only: int | None = None) -> int:
    """Close every campaign (or only one) of which nothing is open any more. Returns how many.

    Asked once more under their locks: meanwhile somebody may have queued people of them who are sent it again.
    """
    done = _finished(_finished(None if only is None else [only]))
    for campaign in Campaign.objects.filter(pk__in=done).select_related("incident"):
        Campaign.objects.filter(pk=campaign.pk).update(status=Status.SENT, ended_at=now())
        incidents.tell(campaign.incident_id, _("Sent: %(headline)s"), headline=campaign)
        audit.record("campaign.finish", by=None, about=campaign)
    return len(done)


def _finished(among: list[int] | None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(FINISHED, {"among": among})
        return [row[0] for row in cursor.fetchall()]
