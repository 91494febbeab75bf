"""To whom, and how much is told of them: the people asked for and no others, in totals that single nobody out."""

from __future__ import annotations

from datetime import datetime
from secrets import randbelow
from typing import Any

from messaging.channels.conformance.document import SANDBOX
from messaging.channels.conformance.findings import NotJudgedError, Said, Wrong, dig, number, rule, totals
from messaging.channels.conformance.findings import marked as _
from messaging.channels.conformance.speaking import Heard
from messaging.channels.conformance.trial import Trial

XA = SANDBOX["XA"]
LATELY: int = XA["people_within_24_hours"]["last_seen_there"]
TRIES = 3  # of asking twice at once, where answers are slow


@rule(
    "estimate_true",
    4,
    "/components/schemas/Estimate",
    _("The bounds of an estimate hold the true number"),
    _("The ministry decides by it whether you are enough or other ways are needed."),
)
async def estimate_true(trial: Trial) -> Wrong | None:
    asked: list[tuple[dict[str, Any], bool, int]] = [
        (trial.asking.audience(), True, XA["people"]["last_seen_there"]),
        (trial.asking.audience(mode="was_there"), True, XA["people"]["was_there"]),
        (trial.asking.audience(hours=24), True, LATELY),
    ]
    if trial.facts.get("follows") is True:
        asked.append((trial.asking.audience(), False, XA["followers"]["last_seen_there"]))
    for audience, everybody, people in asked:
        heard = await trial.estimate(audience, everybody=everybody)
        lower, upper = (number(heard.said, "estimate", name) for name in ("lower", "upper"))
        if heard.status != 200 or not lower <= people <= upper:
            values = {"mode": audience["mode"], "hours": audience["last_seen_within_hours"], "people": people}
            sent = Said(
                _("We asked for an estimate of XA (%(mode)s, %(hours)s hours), where there are %(people)s people."), values
            )
            return Wrong(sent, _bounds(heard), heard.wire)
    return None


def _bounds(heard: Heard) -> Said:
    bounds = dig(heard.said, "estimate")
    if not isinstance(bounds, dict):
        return heard.answer
    return Said(_("You told between %(lower)s and %(upper)s."), {name: bounds.get(name) for name in ("lower", "upper")})


@rule(
    "area_kept",
    1,
    "/components/schemas/Audience",
    _("An order reaches the people asked for and no others"),
    _("Everybody beyond the rule is frightened for nothing, and nobody approved that they should be."),
)
async def area_kept(trial: Trial) -> Wrong | None:
    sent = Said(_("We ordered for everybody in XA within 24 hours, %(people)s people."), {"people": LATELY})
    if wrong := _beyond(trial, await trial.lately(), sent, LATELY):
        return wrong
    people = XA["people"]["last_seen_there"]
    sent = Said(_("We ordered for everybody in XA, %(people)s people."), {"people": people})
    if wrong := _beyond(trial, await trial.everybody(), sent, people):
        return wrong
    if trial.facts.get("follows") is not True:
        return None
    people = XA["followers"]["last_seen_there"]
    sent = Said(_("We ordered for those in XA who follow us, %(people)s people."), {"people": people})
    return _beyond(trial, await trial.carried(include_non_subscribers=False, basis=None), sent, people)


def _beyond(trial: Trial, heard: Heard, sent: Said, people: int) -> Wrong | None:
    """An order that was not carried out is judged by another rule."""
    matched = dig(heard.said, "counters", "matched")
    if matched is None or abs(number(heard.said, "counters", "matched") - people) <= number(trial.facts, "rounding", "matched"):
        return None
    return Wrong(sent, Said(_("You found %(matched)s people."), {"matched": matched}), heard.wire)


@rule(
    "few_withheld",
    3,
    "/components/schemas/Platform/properties/threshold",
    _("A small group is neither counted nor written to"),
    _("Of a few people in a country somebody there knows who they are; a total of so few is a list."),
)
async def few_withheld(trial: Trial) -> Wrong | None:
    values = {"people": SANDBOX["XB"]["people"]["last_seen_there"]}
    order = trial.asking.order("XB")
    heard = await trial.place(order)
    sent = Said(_("We ordered for XB, where there are %(people)s people."), values)
    if not (heard.status == 422 and heard.code == "below_threshold"):
        heard = await trial.ended(order["order_id"]) if heard.status == 200 else heard
        counted = any(value is not None for value in totals(heard.said).values())
        if dig(heard.said, "status") != "refused" or counted or dig(heard.said, "estimate") is not None:
            told = Said(_("You carried it out, or told how many there are."))
            return Wrong(sent, told if heard.status == 200 else heard.answer, heard.wire)
    heard = await trial.estimate(trial.asking.audience("XB"))
    withheld = heard.status == 200 and dig(heard.said, "withheld") is True and dig(heard.said, "estimate") is None
    sent = Said(_("We asked for an estimate of XB, where there are %(people)s people."), values)
    return None if withheld else Wrong(sent, _bounds(heard), heard.wire)


@rule(
    "equal_answers",
    4,
    "/paths/~1v1~1estimates/post",
    _("The same question gets the same answer within the hour"),
    _("From answers that tremble around the truth the truth can be worked out by asking often enough."),
)
async def equal_answers(trial: Trial) -> Wrong | None:
    audience = trial.asking.audience()
    until = datetime.fromisoformat(audience["until"])
    shifted = audience | {"until": until.replace(minute=(until.minute + 30) % 60).isoformat()}
    for second, sentence in (
        (audience, _("We asked for the same estimate twice.")),
        (shifted, _("We asked for an estimate twice, with another minute of the same hour as its end.")),
    ):
        one, two, _apart = await trial.twice(audience, second)
        if two.status != 200 or dig(one.said, "estimate") != dig(two.said, "estimate"):
            return Wrong(Said(sentence), _bounds(two), (*one.wire, *two.wire))
    return None


@rule(
    "time_between",
    4,
    "/components/responses/TooSoon",
    _("Different audiences need time between them"),
    _("Two audiences that are almost the same differ by one person, and who may ask as fast as they like finds that person."),
)
async def time_between(trial: Trial) -> Wrong | None:
    for _attempt in range(TRIES):
        hours = 100 + randbelow(200)
        one, two, apart = await trial.twice(trial.asking.audience(hours=hours), trial.asking.audience(hours=hours - 1))
        if two.status == 429 and two.code in {"too_soon", "too_many"} and two.headers.get("Retry-After", "").isdigit():
            return None
        if apart < number(trial.facts, "min_interval_s") or not number(trial.facts, "min_interval_s"):
            values = {"hours": hours, "less": hours - 1}
            sent = Said(_("We asked for an estimate within %(hours)s hours, and at once for one within %(less)s."), values)
            return Wrong(sent, two.answer, (*one.wire, *two.wire))
    raise NotJudgedError(Said(_("Your answers take longer than the time you want between two questions.")))


@rule(
    "recipients_served",
    10,
    f"{'/components/schemas/OrderRequest'}/properties/recipients",
    _("Who got an earlier order can be meant or left out, by the platform alone"),
    _("A correction has to reach those who got what was wrong, and nobody but you knows who they are."),
)
async def recipients_served(trial: Trial) -> Wrong | None:
    earlier = {"of": trial.asking.order()["order_id"], "mode": "only"}
    heard = await trial.place(trial.asking.order("XC", recipients=earlier))
    served = trial.facts.get("recipients") is True
    code = "earlier_order_unknown" if served else "recipients_not_supported"
    if (heard.status, heard.code) != (422, code):
        return Wrong(Said(_("We ordered for those who got an order that you never held.")), heard.answer, heard.wire)
    return await _only(trial) if served else None


async def _only(trial: Trial) -> Wrong | None:
    first = await trial.lately()
    sent = number(first.said, "counters", "sent")
    if not sent:
        raise NotJudgedError(Said(_("The order before it was not carried out.")))
    heard = await trial.carried(recipients={"of": dig(first.said, "order_id"), "mode": "only"})
    matched, near = (
        number(heard.said, "counters", "matched"),
        sum(number(trial.facts, "rounding", n) for n in ("matched", "counters")),
    )
    if abs(matched - sent) <= near:
        return None
    asked = Said(_("We ordered for those alone who got an order before; they were %(sent)s."), {"sent": sent})
    return Wrong(asked, Said(_("You found %(matched)s people."), {"matched": matched}), heard.wire)
