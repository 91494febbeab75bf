"""A POST has its effect once: what was answered under an Idempotency-Key is written with the effect and said again.

As Stripe does it: the same key with another body is refused, one that is being worked on is refused for the moment, and a
refusal is not remembered, because it did nothing. Kept for seven days.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from crisis.api.door import key_of
from crisis.clock import now
from crisis.models import ApiAnswer, ApiClient
from crisis.refusal import Refused

HEADER = "Idempotency-Key"
LONGEST = 255
KEPT = timedelta(days=7)


def once(request: HttpRequest, effect: Callable[[], dict[str, Any]], *, status: int = 200) -> HttpResponse:
    """Do it and answer, or answer what was answered before. The effect raises Refused to be done not at all."""
    name, client = _name(request), key_of(request).client
    asked = sha256(f"{request.method} {request.get_full_path()}\n".encode() + request.body).hexdigest()
    with transaction.atomic():
        _demand_alone(client, name)
        ApiAnswer.objects.filter(client=client, at__lte=now() - KEPT).delete()
        known = ApiAnswer.objects.filter(client=client, name=name).first()
        if known is None:
            answer = json.dumps(effect(), ensure_ascii=False)
            known = ApiAnswer.objects.create(client=client, name=name, asked=asked, status=status, answer=answer)
        elif known.asked != asked:
            sentence = _("This Idempotency-Key was used for another call. Nothing was done. Use a new one for a new call.")
            raise Refused(sentence, field=HEADER, status=422)
    return HttpResponse(known.answer, status=known.status, content_type="application/json")


def _name(request: HttpRequest) -> str:
    name = request.headers.get(HEADER, "")
    if not name or len(name) > LONGEST or not (name.isascii() and name.isprintable()):
        sentence = _("Send a header “Idempotency-Key” of 1 to %(n)d plain letters, another for each new call.")
        raise Refused(sentence % {"n": LONGEST}, field=HEADER, status=422)
    return name


def _demand_alone(client: ApiClient, name: str) -> None:
    """The same call at the same moment waits for nobody: who comes second asks again and gets the answer of the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"once {client.pk} {name}"])
        if not cursor.fetchone()[0]:
            raise Refused(_("The same call is being worked on at this moment. Call again in a second."), field=HEADER)
