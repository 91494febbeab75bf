"""The door: a key in the Authorization header and nothing else opens it. Cookies, sessions and tokens of forms mean nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, re_path
from django.utils.translation import get_supported_language_variant, override
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer

from crisis import clients
from crisis.api.problems import problems_of, said
from crisis.api.reading import LINES, MOST_BYTES, StrictParser
from crisis.failures import RETRY_AFTER
from crisis.lockout import address_of
from crisis.models import ApiKey, Scope, User
from crisis.permissions import requires
from crisis.refusal import Problem, Refused

log = logging.getLogger(__name__)
DOCUMENT = "openapi.json"

api = NinjaAPI(
    title="Crisis console",
    version="1",
    urls_namespace="api",
    docs_url=None,
    openapi_url=f"/{DOCUMENT}",
    docs_decorator=requires("see"),
    parser=StrictParser(),
    description=f"A key may call {clients.PER_MINUTE} times a minute. Every problem names its field and says what to do.",
)


class Key(HttpBearer):
    """What a route demands: a key that opens this scope or one of `others`.

    `query` are the names that may stand in the address.
    A route without `body` takes none: nobody believes to have said something that is not read.
    One of `lines` takes JSON, also with a row on each line.
    """

    def __init__(
        self, scope: Scope, *query: str, others: Iterable[Scope] = (), body: bool = False, lines: bool = False
    ) -> None:
        super().__init__()
        self.scopes, self.query, self.body, self.lines = (scope, *others), query, body or lines, lines

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Judged in this order, so that who has no key learns nothing else. Raises Refused."""
        _refuse_key_in_address(request)
        kind, _space, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text:
            sentence = _("Send a key in the header “Authorization: Bearer …”; logging in to the console does not help here.")
            raise Refused(sentence, field="Authorization", status=401)
        return self.authenticate(request, text)

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        key = clients.holder(token)
        clients.count_call(key)
        if not {*self.scopes} & {*key.scopes}:
            sentence = _("This key does not open “%(scope)s”. Nothing was done. Ask for a key that does.")
            raise clients.BadKey(sentence % {"scope": "” / “".join(self.scopes)}, "scope", key, status=403)
        key.client.user.scopes, key.client.user.feeds = key.scopes, key.sources
        self._refuse_unknown(request)
        return key

    def _refuse_unknown(self, request: HttpRequest) -> None:
        """Of the address every name has to be known and stand there once; of a body, type and length have to be right."""
        wrong = [name for name, values in request.GET.lists() if name not in self.query or len(values) > 1]
        if wrong:
            sentence = _("“%(field)s” is not known here, or stands there twice. Leave it out.")
            raise Refused(problems=[Problem(n[:40], sentence % {"field": n[:40]}) for n in wrong], status=422)
        _refuse_body(request, {"application/json", *([LINES] if self.lines else [])})
        if not self.body and request.body.strip() not in (b"", b"{}"):
            raise Refused(_("This call takes no body. Nothing was done. Send it without."), status=422)


def _refuse_key_in_address(request: HttpRequest) -> None:
    named = {"key", "api_key", "apikey", "access_token", "token", "authorization"}
    for name, values in request.GET.lists():
        if name.lower() in named or any(clients.KEY.search(value) for value in values):
            sentence = _(
                "A key does not belong in an address: addresses are written down along the way. "
                "Send it in the Authorization header, and have this one revoked."
            )
            raise Refused(sentence, field=name[:40], status=400)


def _refuse_body(request: HttpRequest, types: set[str]) -> None:
    told = request.META.get("CONTENT_LENGTH") or ""
    length = int(told) if told.isascii() and told.isdigit() else 0
    if length > MOST_BYTES:
        raise Refused(_("The body is longer than 1 MB. Nothing was read. Send less at once."), status=413)
    if length and request.content_type not in types:
        raise Refused(_("The body has to be JSON. Say so: “Content-Type: application/json”."), field="Content-Type", status=415)


def caller(request: HttpRequest) -> User:
    """In whose name a call acts: the technical user of the client, with what its key opens."""
    return key_of(request).client.user


def key_of(request: HttpRequest) -> ApiKey:
    return cast("ApiKey", request.auth)  # type: ignore[attr-defined]


def patterns() -> list[URLPattern]:
    """The routes below /api/v1/, to be asked for when all of them are defined. The document alone is for people."""
    found = [p for p in api.urls[0] if isinstance(p, URLPattern) and p.name != "api-root"]
    for pattern in found:
        if pattern.name != "openapi-json":
            pattern.callback = _through(pattern.callback)
    return [*found, re_path("", _through(_nothing), name="api-root")]


def _nothing(request: HttpRequest) -> HttpResponse:
    return said([Problem("", _("There is nothing at this address. The routes are listed in openapi.json."))], 404)


def _through(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """A view as programs meet it: in the language they ask for, never kept by anybody on the way, always JSON."""

    @wraps(view)
    def passed(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        with override(_language(request)):
            answer: HttpResponse = view(request, **kwargs)
            if answer.status_code == 405:
                sentence = _("This address does not take %(method)s. It takes %(allowed)s.")
                allowed = answer["Allow"]
                answer = said([Problem("", sentence % {"method": request.method, "allowed": allowed})], 405, Allow=allowed)
        answer["Cache-Control"] = "no-store"
        return answer

    vars(passed)["csrf_exempt"] = True
    return login_not_required(passed)


def _language(request: HttpRequest) -> str:
    """By Accept-Language alone: a cookie or a session says nothing about a program."""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, clients.TooFast) else {}
    headers |= {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return said(error.problems, error.status, **headers)


@api.exception_handler(clients.BadKey)
def _bad_key(request: HttpRequest, error: clients.BadKey) -> HttpResponse:
    """A key that was refused at the door, or by the verb it came to, is written down."""
    error.key = error.key or getattr(request, "auth", None)
    clients.note_bad(error, address_of(request))
    return _refused(request, error)


@api.exception_handler(AuthenticationError)
@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The parser's own refusal stands behind what the framework makes of it."""
    cause = error.__cause__
    problems = cause.problems if isinstance(cause, Refused) else [Problem("", str(error))]
    return said(problems, cause.status if isinstance(cause, Refused) else error.status_code)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return said(problems_of(error.errors), 422)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return said([Problem("", _("There is nothing of this number that belongs to you."))], 404)


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _away(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("The database did not answer a call of the API (%s): %s", type(error).__name__, request.path)
    sentence = _("The database does not answer. Call again in a few seconds, with the same Idempotency-Key.")
    return said([Problem("", sentence)], 503, **RETRY_AFTER)


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """The last resort: what failed is written to the log alone, and whatever was begun has been rolled back."""
    log.error("A call of the API failed: %s %s", request.method, request.path, exc_info=error)
    sentence = _("The console failed; nothing of this call was done. Call again with the same Idempotency-Key.")
    return said([Problem("", sentence)], 500)
