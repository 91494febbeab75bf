"""Sending the notices that are due. A notice is claimed, sent outside any transaction, and recorded.

A crash between sending and recording lets the claim run out, and the person is told again: better twice than never.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection

from crisis.clock import Now, now
from messaging.escalation import letters
from messaging.escalation.planning import phone_of
from messaging.models import Notice

ATTEMPTS = 6
LEASE = timedelta(seconds=30)  # longer than any way takes to fail
PAUSE = timedelta(seconds=5)  # after the first failure; twice that after the second, and so on
SECONDS = 5.0  # one try of any way
AT_ONCE = 50  # notices in one round, so that a leaving process leaves soon
leaving = threading.Event()
log = logging.getLogger(__name__)

CLAIM = """
    UPDATE messaging_notice SET attempts = attempts + 1, lease_until = crisis_now() + make_interval(secs => %(lease)s)
     WHERE id = (SELECT n.id FROM messaging_notice n JOIN messaging_campaign c ON c.id = n.campaign_id
                  WHERE n.way = %(way)s AND n.sent_at IS NULL AND n.due_at <= crisis_now() AND n.attempts < %(attempts)s
                    AND (n.lease_until IS NULL OR n.lease_until < crisis_now())
                    AND c.round = n.round
                    AND (n.about = 'decision' AND c.status = 'submitted'
                         OR n.about = 'review' AND EXISTS (
                            SELECT FROM messaging_glassbreak g JOIN messaging_approval a ON a.id = g.approval_id
                             WHERE a.campaign_id = c.id AND a.round = c.round AND g.reviewed_at IS NULL))
                  ORDER BY n.due_at, n.id FOR UPDATE OF n SKIP LOCKED LIMIT 1)
    RETURNING id
"""


def offered() -> list[Notice.Way]:
    """The ways by which this installation can tell somebody by itself."""
    ways = [Notice.Way.SCREEN]
    if settings.NOTICE_EMAIL:
        ways.append(Notice.Way.EMAIL)
    if settings.NOTICE_SMS_URL:
        ways.append(Notice.Way.SMS)
    return ways


def tell(way: Notice.Way) -> int:
    """Send what is due by one way. Returns how many notices were tried."""
    tried = 0
    while tried < AT_ONCE and not leaving.is_set() and (notice := _claim(way)):
        tried += 1
        _record(notice, _tried(notice))
    return tried


def _claim(way: Notice.Way) -> Notice | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"way": way.value, "lease": LEASE.total_seconds(), "attempts": ATTEMPTS})
        found = cursor.fetchone()
    rows = Notice.objects.select_related("person", "campaign__incident", "campaign__created_by", "campaign__audience_version")
    return rows.get(pk=found[0]) if found else None


def _tried(notice: Notice) -> str:
    """Send it. Returns why it failed, in a machine word without any address; empty when it was taken."""
    try:
        SENDERS[Notice.Way(notice.way)](notice)
    except (SMTPException, OSError, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
        log.warning("Notice %d was not sent by %s: %s.", notice.pk, notice.way, type(cause).__name__)
        return type(cause).__name__
    return ""


def _record(notice: Notice, failure: str) -> None:
    row = Notice.objects.filter(pk=notice.pk)
    if failure:
        row.update(failure=failure[:60], lease_until=now() + PAUSE * notice.attempts)
    else:
        row.update(failure="", sent_at=Now(), lease_until=None)


def _by_screen(_notice: Notice) -> None:
    """Nothing leaves: every page of the person shows what waits for them."""


def _by_email(notice: Notice) -> None:
    words = letters.subject(notice), letters.body(notice)
    door = get_connection(timeout=SECONDS)
    EmailMessage(*words, to=[notice.person.email], headers={"X-Priority": "1"}, connection=door).send()


def _by_sms(notice: Notice) -> None:
    """Hand it to the installation's own SMS door: JSON, signed with HMAC-SHA256 over the body."""
    told = {"to": phone_of(notice.person), "text": letters.body(notice)}
    content = json.dumps(told, ensure_ascii=False).encode()
    mark = hmac.new(settings.NOTICE_SMS_SECRET.encode(), content, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": f"sha256={mark}", "Idempotency-Key": f"notice-{notice.pk}"}
    request = Request(settings.NOTICE_SMS_URL, content, headers, method="POST")  # noqa: S310 (the settings demand https)
    build_opener(_NoRedirect).open(request, timeout=SECONDS).close()


class _NoRedirect(HTTPRedirectHandler):
    """A door that points elsewhere is not the one that was set up."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


SENDERS: dict[Notice.Way, Callable[[Notice], None]] = {
    Notice.Way.SCREEN: _by_screen,
    Notice.Way.EMAIL: _by_email,
    Notice.Way.SMS: _by_sms,
}
