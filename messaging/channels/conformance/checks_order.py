"""What an order must be to be taken: approved, in its own words, with a basis, within its window, and once."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any
from uuid import uuid4

from messaging.channels.conformance.asking import TEXTS, WORDING, digest
from messaging.channels.conformance.findings import Said, Wrong, dig, number, rule
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.trial import Trial, must_refuse

ORDER = "/components/schemas/OrderRequest"
SETTLE = 1.0  # seconds in which an order that was wrongly begun again shows it


@rule(
    "fields_known",
    2,
    f"{ORDER}/additionalProperties",
    _("An unknown field is refused, not ignored"),
    _("What you ignore today may hold a person tomorrow: a field that the contract does not know must not be sent at all."),
)
async def fields_known(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XC", note="none")
    sent = Said(_("We ordered with a field “note” that the contract does not know."))
    if wrong := must_refuse(await trial.place(order), sent, 422, "unknown_field"):
        return wrong
    order = trial.asking.order("XC", audience={**trial.asking.audience("XC"), "city": "none"})
    sent = Said(_("We ordered for an audience with a fifth field “city”."))
    return must_refuse(await trial.place(order), sent, 422, "unknown_field")


@rule(
    "grammar_fixed",
    4,
    "/components/schemas/Audience",
    _("An audience is said in the fixed grammar or not at all"),
    _("What is guessed at is sent to other people than those whom two persons approved."),
)
async def grammar_fixed(trial: Trial) -> Wrong | None:
    whole = trial.asking.audience("XC")
    changes: tuple[dict[str, Any], ...] = (
        {"country": "xc"},
        {"mode": "anywhere"},
        {"last_seen_within_hours": 0},
        {"last_seen_within_hours": 2161},
        {"until": "2026-11-08T12:00:00"},
    )
    for change in changes:
        ((field, value),) = change.items()
        sent = Said(_("We ordered for an audience whose %(field)s is “%(value)s”."), {"field": field, "value": value})
        heard = await trial.place(trial.asking.order("XC", audience=whole | change))
        if wrong := must_refuse(heard, sent, 422, "invalid"):
            return wrong
    order = trial.asking.order("XC", audience={"country": "XC"})
    sent = Said(_("We ordered for an audience that has nothing but a country."))
    return must_refuse(await trial.place(order), sent, 422, "missing_field")


@rule(
    "unreadable_refused",
    2,
    "/components/responses/NotUnderstood",
    _("A body that is no JSON object is refused"),
    _("A platform that fails at nonsense can be made to fail by anybody who has a key."),
)
async def unreadable_refused(trial: Trial) -> Wrong | None:
    for body in (b"", b"[]", b'{"order_id": ', b"\xff\xfe"):
        heard = await trial.ask("POST", "/v1/orders", body, key=str(uuid4()))
        if wrong := must_refuse(heard, Said(_("We sent a body that is not one JSON object.")), 422, "unreadable"):
            return wrong
    return None


@rule(
    "approval_needed",
    5,
    "/components/schemas/Approval",
    _("An order that no supervisor approved is refused"),
    _("The second person is what stands between one mistake, or one stolen log-in, and thousands of people."),
)
async def approval_needed(trial: Trial) -> Wrong | None:
    approval = {"text_sha256": digest(TEXTS), "by": [{"role": "author", "at": trial.asking.at(minutes=-5)}]}
    sent = Said(_("We placed an order that its author alone answers for."))
    if wrong := must_refuse(await trial.place(trial.asking.order("XC", approval=approval)), sent, 422, "not_approved"):
        return wrong
    sent = Said(_("We placed an order without any approval."))
    return must_refuse(await trial.place(trial.asking.order("XC", approval=None)), sent, 422, "missing_field")


@rule(
    "words_approved",
    5,
    "/components/schemas/Approval/properties/text_sha256",
    _("Words that differ from the approved ones are refused"),
    _("Without the comparison somebody could change the words after they were approved."),
)
async def words_approved(trial: Trial) -> Wrong | None:
    approval = trial.asking.order("XC")["approval"] | {"text_sha256": digest({"en": "Something else"})}
    sent = Said(_("We ordered with the digest of other words."))
    if wrong := must_refuse(await trial.place(trial.asking.order("XC", approval=approval)), sent, 422, "text_not_approved"):
        return wrong
    spelt = {language: unicodedata.normalize("NFD", text).replace("\n", " \r\n") for language, text in TEXTS.items()}
    approval = approval | {"text_sha256": digest(TEXTS)}
    heard = await trial.place(trial.asking.order("XC", texts=spelt, wording=None, approval=approval))
    sent = Said(_("We ordered in the approved words, with other line ends and with letters put together from two."))
    return None if heard.status == 200 else Wrong(sent, heard.answer, heard.wire)


@rule(
    "wording_kept",
    6,
    "/components/schemas/Wording",
    _("A text that lost its wording is refused"),
    _("Who is not told why they got a message, from whom, and how to verify it cannot tell it from a fraud."),
)
async def wording_kept(trial: Trial) -> Wrong | None:
    wording = {**WORDING, "en": WORDING["en"] | {"verify": "How to verify: there is no need."}}
    sent = Said(_("We ordered with a sentence in the wording that does not stand in the text."))
    return must_refuse(await trial.place(trial.asking.order("XC", wording=wording)), sent, 422, "wording_missing")


@rule(
    "length_kept",
    6,
    "/components/schemas/Platform/properties/max_text",
    _("A text that is too long is refused, not cut"),
    _("A warning that is cut may say the opposite of what was approved."),
)
async def length_kept(trial: Trial) -> Wrong | None:
    most = number(trial.facts, "max_text")
    texts = {"en": TEXTS["en"] + "!" * (most + 1 - len(TEXTS["en"]))}
    order = trial.asking.order("XC", texts=texts, wording={"en": WORDING["en"]})
    sent = Said(
        _("We ordered with a text of %(length)s characters; you send at most %(most)s."), {"length": most + 1, "most": most}
    )
    return must_refuse(await trial.place(order), sent, 422, "too_long", "invalid")


@rule(
    "basis_needed",
    7,
    "/components/schemas/Basis",
    _("People who do not follow the ministry are written to only with a legal basis"),
    _("Without a law, a reason and an end it is unasked mail to strangers, and you answer for it as the ministry does."),
)
async def basis_needed(trial: Trial) -> Wrong | None:
    sent = Said(_("We ordered for people who do not follow us, without a legal basis."))
    if wrong := must_refuse(await trial.place(trial.asking.order("XC", basis=None)), sent, 422, "no_legal_basis"):
        return wrong
    over = trial.asking.basis(ends_at=trial.asking.at(minutes=30))
    sent = Said(_("We ordered with a legal basis that ends before the window does."))
    return must_refuse(await trial.place(trial.asking.order("XC", basis=over)), sent, 422, "basis_over")


@rule(
    "window_kept",
    1,
    f"{ORDER}/properties/window",
    _("Nothing is sent outside the window"),
    _("A warning that comes too late sends people where the danger is now; one too early contradicts what still holds."),
)
async def window_kept(trial: Trial) -> Wrong | None:
    over = {"not_before": trial.asking.at(hours=-2), "not_after": trial.asking.at(hours=-1)}
    sent = Said(_("We placed an order whose window is over."))
    if wrong := must_refuse(await trial.place(trial.asking.order("XC", window=over)), sent, 422, "window_over"):
        return wrong
    later = trial.asking.order("XA", window={"not_before": trial.asking.at(minutes=50), "not_after": trial.asking.at(hours=1)})
    await trial.place(later)
    await trial.everybody()  # that one has no time to wait for
    heard = await trial.status(later["order_id"])
    sent = Said(_("We placed an order whose window begins in 50 minutes, and looked when another one had been carried out."))
    begun = dig(heard.said, "status") != "accepted" or dig(heard.said, "counters", "sent") is not None
    return Wrong(sent, Said(_("You have begun.")), heard.wire) if begun else None


@rule(
    "one_order",
    8,
    "/components/responses/OtherOrder",
    _("An order that comes twice is one order"),
    _("Connections break, and the ministry repeats what it is not sure of: people would be written to twice."),
)
async def one_order(trial: Trial) -> Wrong | None:
    order = trial.asking.order("XA", audience=trial.asking.audience(hours=24))
    trial.again.add(order["order_id"])
    for heard in await asyncio.gather(trial.place(order), trial.place(order)):
        if heard.status != 200 or dig(heard.said, "order_id") != order["order_id"]:
            return Wrong(Said(_("We sent the same order twice at the same time.")), heard.answer, heard.wire)
    return await _again(trial, order) or await _another(trial, order)


async def _again(trial: Trial, order: dict[str, Any]) -> Wrong | None:
    before = await trial.ended(order["order_id"])
    heard = await trial.place(dict(reversed(order.items())))
    sent = Said(_("We sent an order once more when it had been carried out."))
    if heard.status != 200:
        return Wrong(sent, heard.answer, heard.wire)
    await asyncio.sleep(SETTLE)
    after = await trial.status(order["order_id"])
    if after.said == before.said:
        return None
    values = {"before": dig(before.said, "status"), "after": dig(after.said, "status")}
    got = Said(_("It was “%(before)s” and is “%(after)s” now: you began again."), values)
    return Wrong(sent, got, (*before.wire, *after.wire))


async def _another(trial: Trial, order: dict[str, Any]) -> Wrong | None:
    heard = await trial.place(order | {"sender_name": "Another"})
    sent = Said(_("We sent another order under the id of one that you hold."))
    if wrong := must_refuse(heard, sent, 409, "other_order"):
        return wrong
    heard = await trial.place(trial.asking.order("XC"), key=str(uuid4()))
    sent = Said(_("We ordered with an Idempotency-Key that is not the order_id."))
    return must_refuse(heard, sent, 422, "wrong_idempotency_key")


@rule(
    "unknown_order_told",
    8,
    "/components/responses/UnknownOrder",
    _("Of an order that it does not hold a platform says so"),
    _("The ministry would take an order that never arrived for one that is under way."),
)
async def unknown_order_told(trial: Trial) -> Wrong | None:
    path = f"/v1/orders/{uuid4()}"
    for method, way in (("GET", path), ("POST", f"{path}/cancel"), ("POST", f"{path}/reminders")):
        heard = await trial.ask(method, way)
        if wrong := must_refuse(heard, Said(_("We asked about an order that you do not hold.")), 404, "unknown_order"):
            return wrong
    return None
