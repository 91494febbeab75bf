"""The words of a correction: what those read who got the wrong message, begun from the message itself.

What is right is written once, in the text for those who got nothing yet; when the draft is saved it takes the place of its
blanks here. What was wrong is not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import override

from audiences.criteria.words import instant
from messaging.wording import Words

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
        return Words(words.headline, words.body.format(at=instant(said_at)), words.instruction)


def fill(words: Words, right: Words) -> Words:
    """The correction with the right text in the place of its blanks. A right text that is empty leaves its blank."""
    body, instruction = words.body, words.instruction
    for text, what_to_do in BLANKS.values():
        body = body.replace(text, right.body.strip() or text)
        instruction = instruction.replace(what_to_do, right.instruction.strip())
    return Words(words.headline, body, instruction)
