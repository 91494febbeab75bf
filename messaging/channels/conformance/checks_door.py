"""Who is let in: only the issuer the key belongs to, with a signature that is true, fresh and heard once."""

from __future__ import annotations

import secrets

from messaging.channels.conformance.findings import Said, Wrong, rule
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.speaking import Signing
from messaging.channels.conformance.trial import Trial, must_refuse

NOT_SIGNED = "/components/responses/NotSigned"
NOT_YOURS = "/components/responses/NotYours"


@rule(
    "signature_needed",
    10,
    NOT_SIGNED,
    _("A request without a complete signature is refused"),
    _("Who need not sign need not be the ministry: anybody could have people written to in its name."),
)
async def signature_needed(trial: Trial) -> Wrong | None:
    for header in ("X-Timestamp", "X-Nonce", "X-Signature"):
        sent = Said(_("We asked what kind of platform you are, without the header %(header)s."), {"header": header})
        heard = await trial.ask("GET", "/v1/platform", signing=Signing(leave_out=header))
        if wrong := must_refuse(heard, sent, 401, "missing_signature"):
            return wrong
    return None


@rule(
    "signature_true",
    10,
    NOT_SIGNED,
    _("A wrong signature is refused"),
    _("If any signature will do, anybody who can reach you can have people written to in the ministry's name."),
)
async def signature_true(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XC")
    signings = {
        _("We ordered with a signature made with another key."): Signing(secret=secrets.token_hex(16)),
        _("We ordered with the signature of another body."): Signing(body=b"{}"),
        _("We ordered with the signature of another path."): Signing(path="/v1/estimates"),
    }
    for sentence, signing in signings.items():
        heard = await trial.ask("POST", "/v1/orders", order, key=order["order_id"], signing=signing)
        if wrong := must_refuse(heard, Said(sentence), 401, "wrong_signature"):
            return wrong
    return None


@rule(
    "signature_fresh",
    10,
    NOT_SIGNED,
    _("A signature of another time is refused"),
    _("A request that was recorded could be played to you days later."),
)
async def signature_fresh(trial: Trial) -> Wrong | None:
    ages = {
        _("We asked with a timestamp that is six minutes old."): 360,
        _("We asked with a timestamp six minutes in the future."): -360,
    }
    for sentence, age in ages.items():
        heard = await trial.ask("GET", "/v1/platform", signing=Signing(age=age))
        if wrong := must_refuse(heard, Said(sentence), 401, "stale_timestamp"):
            return wrong
    return None


@rule(
    "nonce_once",
    10,
    NOT_SIGNED,
    _("The same signed request is heard once"),
    _("Whoever listens on the way could repeat a request as often as they like, with a signature that is true."),
)
async def nonce_once(trial: Trial) -> Wrong | None:
    short = await trial.ask("GET", "/v1/platform", signing=Signing(nonce="short"))
    if wrong := must_refuse(short, Said(_("We asked with a nonce of five characters.")), 401, "bad_nonce"):
        return wrong
    nonce = secrets.token_hex(16)
    await trial.ask("GET", "/v1/platform", signing=Signing(nonce=nonce))
    again = await trial.ask("GET", "/v1/platform", signing=Signing(nonce=nonce))
    return must_refuse(again, Said(_("We sent the same signed request a second time.")), 401, "repeated_nonce")


@rule(
    "issuer_bound",
    10,
    NOT_YOURS,
    _("A key speaks for its own issuer alone"),
    _("Whoever has any key could order in the name of another ministry, and ask as often as all of them together."),
)
async def issuer_bound(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XC", issuer="somebody-else")
    sent = Said(_("We ordered with our key in the name of another issuer."))
    return must_refuse(await trial.place(order), sent, 403, "wrong_issuer")


@rule(
    "exercise_apart",
    10,
    NOT_YOURS,
    _("A platform of exercises takes no real order"),
    _("A real warning that goes to a platform of drills reaches nobody, and nobody notices."),
)
async def exercise_apart(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XC", exercise=False)
    return must_refuse(await trial.place(order), Said(_("We placed an order that is no exercise.")), 403, "exercise_mismatch")
