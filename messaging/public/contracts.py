"""The contract of orders, open to everybody: the document for machines, and a page that says in two languages what is in it.

A platform's engineers implement from the document; the page is for those who decide whether they should.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe

import messaging.channels
from messaging.public.register import LANGUAGES

DOCUMENT = Path(messaging.channels.__file__).parent / "contract" / "orders-v1.json"
# In the order of the document's x-rules, and in English word for word the same.
RULES: tuple[Any, ...] = (
    _("The ministry says what, to whom by a rule, and why. The platform finds the people and writes to them by itself."),
    _(
        "No person crosses in either direction: no name, number, address, identifier, list, or place smaller than a country. "
        "There is no field for one, and an unknown field is refused, not ignored."
    ),
    _(
        "Totals only. People found are rounded to whole hundreds, everything else to whole tens; a total below the threshold "
        "is null; an estimate of fewer people than the platform's threshold is withheld."
    ),
    _(
        "Nobody can be singled out by asking twice: an audience has four fields and no others, the platform wants time between "
        "estimates of different audiences, and equal questions get equal answers."
    ),
    _(
        "Every order is attested: who approved it by role and time, at least one supervisor, and the digest of the words. "
        "A platform compares the digest before it sends."
    ),
    _(
        "The words go out as they are: nothing is added, cut or translated. Every text says why this person got it, who "
        "writes, until when it holds and how to verify it."
    ),
    _("People who do not follow the ministry are written to only with a legal basis: the law, the reason, and an end."),
    _(
        "An order is one order. The same id with the same body is answered alike however often it comes; with another body it "
        "is refused."
    ),
    _(
        "The decision is the platform's own: accept, accept in part and say what part, or refuse and say why. A cancelled "
        "order sends nothing more and says how many had gone."
    ),
    _(
        "Both sides sign. Exercises and real orders never meet: each has platforms and keys of its own. Who got an order is "
        "remembered only so that a later order can mean them or leave them out, and is destroyed 72 hours after the window "
        "ends."
    ),
)
QUESTIONS: Mapping[str, tuple[Any, Any]] = {  # operation of the document → its summary, what comes back
    "platform": (_("What kind of platform is this?"), _("How it knows who is where, what it rounds to, its limits")),
    "estimate": (_("How many people would an order reach?"), _("At least and at most, or: too few to say")),
    "check_post": (_("Does this post say what is meant?"), _("Whether it is there, and the same word for word")),
    "order": (_("Write to these people"), _("That the order is held; the decision comes later")),
    "status": (_("How does the order stand?"), _("The decision, and totals: found, sent, delivered, read")),
    "remind": (_("Please decide"), _("How the order stands")),
    "cancel": (_("Stop"), _("How many had gone")),
    "told": (_("An order changed"), _("Nothing: the platform tells by itself")),
}
SANDBOX: Mapping[str, Any] = {
    "XA": _("accepts and carries out every order"),
    "XB": _("is below the threshold"),
    "XC": _("the officer refuses every order"),
    "XD": _("the officer accepts every order in part"),
    "XE": _("nobody ever decides"),
}


@cache
def raw() -> bytes:
    """The document's bytes, as they are published."""
    return DOCUMENT.read_bytes()


@cache
def contract() -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = json.loads(raw())
    return found


def operations() -> list[dict[str, Any]]:
    """What is asked and what comes back, in the document's order, the platform's own word last."""
    found = [
        (verb.upper(), path, one["operationId"]) for path, verbs in contract()["paths"].items() for verb, one in verbs.items()
    ]
    hooks = [("POST", f"webhook {name}", hook["post"]["operationId"]) for name, hook in contract()["webhooks"].items()]
    return [
        {"line": f"{verb} {path}", "asks": QUESTIONS[name][0], "back": QUESTIONS[name][1]}
        for verb, path, name in [*found, *hooks]
    ]


def examples() -> tuple[str, str]:
    """An order in full, and how it stands at its end."""
    paths = contract()["paths"]
    asked = paths["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]["examples"]["everybody"]
    told = contract()["components"]["examples"]["done"]
    return _shown(asked["value"]), _shown(told["value"])


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(raw()).hexdigest()[:32]}"'


@login_not_required
@require_safe
@cache_control(public=True, max_age=3600)
@condition(etag_func=_etag)
def document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, byte for byte as it is kept."""
    return HttpResponse(raw(), content_type="application/json; charset=utf-8")


@login_not_required
@require_safe
@cache_control(public=True, max_age=3600)
def page(request: HttpRequest) -> HttpResponse:
    """The contract in words, in Russian, or in English with ?lang=en."""
    asked = request.GET.get("lang", "")
    language = asked if asked in LANGUAGES else LANGUAGES[0]
    order, status = examples()
    countries = [(code, people(about), SANDBOX[code]) for code, about in contract()["x-sandbox"].items()]
    context = {"language": language, "version": contract()["info"]["version"], "rules": RULES, "operations": operations()}
    with translation.override(language):
        return render(request, "public/contract.html", {**context, "order": order, "status": status, "countries": countries})


def people(country: Mapping[str, Any]) -> int:
    """How many people of the sandbox were last seen in a country that does not exist."""
    found: int = country["people"]["last_seen_there"]
    return found
