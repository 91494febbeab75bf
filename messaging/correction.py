"""The words of a correction: what those read who got the wrong message, begun from the message itself.

What is right is written once, in the text for those who got nothing yet; when the draft is saved it takes the place of its
blanks here. What was wrong is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from audiences.criteria.words import instant, language_name
from crisis.refusal import Problem
from messaging.models import FIRST, OPEN_BATCHES, Account, Batch, Campaign, Part
from messaging.wording import Words

TO_WHOM: Mapping[str, Any] = {
    Part.CORRECTED: gettext_lazy("To those who got the wrong one"),
    Part.MAIN: gettext_lazy("To those who got nothing yet"),
}

# Language → the blanks for the right text and for what to do.
BLANKS: Mapping[str, tuple[str, str]] = {
    "ru": ("[верный текст]", "[верные указания]"),
    "en": ("[the right text]", "[the right instructions]"),
}
SAID: Mapping[str, Words] = {
    "ru": Words(
        "Исправление: в прошлом сообщении была ошибка",
        "В сообщении Ситуационно-кризисного центра МИД России от {at} была ошибка. "
        "Руководствуйтесь только этим сообщением. Верно следующее.\n\n[верный текст]",
        "[верные указания]",
    ),
    "en": Words(
        "Correction: our last message was wrong",
        "The message of the Situational Crisis Center of the Ministry of Foreign Affairs of Russia of {at} was wrong. "
        "Go by this message only. This is right:\n\n[the right text]",
        "[the right instructions]",
    ),
}


def begun(language: str, said_at: datetime) -> Words:
    """The correction of a message that was said at an instant, with blanks where the right text comes; else in English."""
    words = SAID.get(language, SAID["en"])
    with override(language):
        return words._replace(body=words.body.format(at=instant(said_at)))


def fill(words: Words, right: Words) -> Words:
    """The correction with the right text in the place of its blanks. A right text that is empty leaves its blank."""
    body, instruction = words.body, words.instruction
    for text, what_to_do in BLANKS.values():
        body = body.replace(text, right.body.strip() or text)
        instruction = instruction.replace(what_to_do, right.instruction.strip())
    return words._replace(body=body, instruction=instruction)


def problems(campaign: Campaign, accounts: list[Account]) -> Iterator[Problem]:
    """What keeps a correction from being one: the fault still stands, or some who got the wrong one would not hear of it."""
    wrong = campaign.corrects
    if wrong is None:
        return
    said, right, corrected = _said(wrong, Part.MAIN), _said(campaign, Part.MAIN), _said(campaign, Part.CORRECTED)
    if said == right and wrong.audience_version_id == campaign.audience_version_id:
        yield Problem("texts", _("The text is still the one that was found wrong. Put right what is wrong in it."))
    for code in sorted(said.keys() - corrected.keys()):
        sentence = _("The wrong message was also written in this language: %(language)s. Write its correction there too.")
        yield Problem("texts", sentence % {"language": language_name(code)})
    for account in _heard(wrong):
        if account not in accounts and account.paused_at is None:
            sentence = _("The wrong message went out by %(account)s. Choose it too: those who got it are to hear of it.")
            yield Problem("accounts", sentence % {"account": account.label})


def _said(campaign: Campaign, part: Part) -> dict[str, tuple[str, ...]]:
    """The words by language; how a browser ends its lines makes no other words of them."""
    texts = [text for text in campaign.texts.all() if text.part == part and text.whole]
    return {t.language: tuple(" ".join(s.split()) for s in (*Words.of(t), t.link)) for t in texts}


def _heard(wrong: Campaign) -> list[Account]:
    """The accounts by which anybody may have got it."""
    rows = Batch.objects.filter(campaign=wrong).filter(Q(asked_at__isnull=False) | Q(order__asked_at__isnull=False))
    got = rows.filter(Q(order__isnull=False) | Q(accepted__gt=0) | Q(uncertain__gt=0) | ~FIRST).values("account")
    return [*Account.objects.filter(pk__in=got).order_by("pk")]


def clock(campaign: Campaign) -> dict[str, Any] | None:
    """The clock of a correction: when the fault was found, when the first and when the last person was told; None = no one.

    {"found_wrong_at", "first_at", "last_at" (None until the last was told), "got", "told"}
    """
    if campaign.corrects_id is None:
        return None
    rows = Batch.objects.filter(campaign=campaign, text__part=Part.CORRECTED)
    handled = rows.filter(asked_at__isnull=False, status=Batch.Status.DONE).order_by("asked_at")
    times = [*handled.values_list("asked_at", flat=True)]
    sums = rows.aggregate(got=Sum("total", filter=FIRST), told=Sum(F("accepted") + F("uncertain")))
    open_ones = rows.filter(status__in=OPEN_BATCHES).exists()
    return {
        "found_wrong_at": campaign.found_wrong_at,
        "first_at": times[0] if times else None,
        "last_at": times[-1] if times and not open_ones else None,
        "got": sums["got"] or 0,
        "told": sums["told"] or 0,
    }
