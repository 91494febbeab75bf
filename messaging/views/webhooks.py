"""The doors of platforms: signed events come in, are stored, and are answered at once."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from messaging import hooks
from messaging.channels import ChannelError, Report
from messaging.models import Account

MOST_BYTES = 1024 * 1024
REFUSALS = {"forged": 403, "content": 400}


@csrf_exempt
@login_not_required
@require_POST
def hook(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one event of a platform. Exactly `ok` tells it that the event is stored and need not be repeated."""
    account = get_object_or_404(Account, pk=pk)
    body = _body(request)
    if body is None:
        return _plain("too large", 413)
    try:
        reports = account.connect().reports(body, request.headers)
    except ChannelError as error:
        return _plain("not set up yet", 503) if error.scope == "pause" else _plain(error.reason, REFUSALS.get(error.scope, 400))
    confirmation = next((report.text for report in reports if report.kind == "confirmation"), None)
    return _plain(confirmation) if confirmation is not None else _stored(account, reports)


def _body(request: HttpRequest) -> bytes | None:
    """The body, or None when it is longer than 1 MB; what is announced as longer is not even read."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        return None
    try:
        body = request.body
    except RequestDataTooBig:
        return None
    return body if len(body) <= MOST_BYTES else None


def _stored(account: Account, reports: list[Report]) -> HttpResponse:
    hooks.receive(account, reports)
    return _plain("ok")


def _plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
