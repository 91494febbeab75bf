"""Drills and words: what the text of a drill must never say, and what a live text says only by mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category, normalize

from django.utils.translation import gettext as _

from crisis.refusal import Problem
from messaging.models import Campaign, Text

# Letters that look the same in both alphabets, so that a phrase is recognised however it is typed.
LATIN, CYRILLIC = "aeopcyxkmthbi", "аеорсухкмтнві"
TO_LATIN, TO_CYRILLIC = str.maketrans(CYRILLIC + "и", LATIN + "i"), str.maketrans(LATIN, CYRILLIC)
ENGLISH = re.compile(
    r"\b(?:not|no|never|isn ?t|ain ?t|nothing like) (?:(?:a|an|any|the|just|only|merely|mere|part of|kind of) )*"
    r"(?:drill|exercise|test|simulation|rehearsal|training)\b"
)
RUSSIAN = re.compile(
    r"\b(?:не|нет|никак\w+) (?:(?:это|явля\w+|был\w*|просто|только|како\w+|никак\w+|больше) )*"
    r"(?:учени\w*|учебн\w*|тренировк\w*|тренировочн\w*|проверк\w*|проверочн\w*|тест\w*|репетици\w*)"
)
SPACED = re.compile(r"\b\w(?: \w\b){4,}")  # letters one by one
RUN_TOGETHER = re.compile(r"not?a?n?(?:drill|exercise|test)|не(?:это)?(?:учени|учебн|тренировк|проверк)")
WORDS = re.compile(r"\b(?:EXERCISE|DRILL|(?i:учени[еяй]|учебная тревога))\b")
MARK = re.compile(r"^(?:\s*(?:EXERCISE|DRILL|УЧЕНИЕ)\b[\s.:!,–—-]*)+", re.IGNORECASE)


def plain(text: str) -> str:
    """The text as it is heard: one case, one kind of space, no signs without a width, no marks between words."""
    seen = "".join(sign for sign in normalize("NFKC", text).casefold() if category(sign) not in ("Cf", "Mn"))
    return " ".join(re.sub(r"[\W_]+", " ", normalize("NFC", seen.replace("ё", "е"))).split())


def denies(text: str) -> str:
    """The words by which a text denies that it is a drill, empty when it does not."""
    heard = plain(text)
    together = SPACED.sub(lambda found: found.group().replace(" ", ""), heard)
    versions = (heard, heard.translate(TO_LATIN)), (heard, heard.translate(TO_CYRILLIC))
    for rule, tried in zip((ENGLISH, RUSSIAN), versions, strict=True):
        for version in tried:
            if found := rule.search(version):
                return heard[found.start() : found.end()]
    for version in (together, together.translate(TO_LATIN), together.translate(TO_CYRILLIC)):
        if together != heard and (found := RUN_TOGETHER.search(version)):
            return together[found.start() : found.end()]
    return ""


def problems(campaign: Campaign) -> Iterator[Problem]:
    """A drill never says that it is none: once its picture is passed on, nothing else tells the two apart."""
    if not campaign.drill:
        return
    for text in _texts(campaign):
        if words := denies(text.whole):
            sentence = _("The text of a drill says “%(words)s”. A drill never denies that it is one: take these words out.")
            yield Problem(f"text-{text.language}", sentence % {"words": words})


def warnings(campaign: Campaign) -> list[str]:
    """Words of a drill in a live text, each in a sentence. They are shown and keep nobody from sending."""
    if campaign.drill:
        return []
    found = {match.group(): None for text in _texts(campaign) for match in WORDS.finditer(text.whole)}
    sentence = _("The text says “%(word)s”, but this is a live alert: whoever reads it may take it for a drill.")
    return [sentence % {"word": word} for word in found]


def undrilled(text: str) -> str:
    """The text without the drill's word in front of it."""
    return MARK.sub("", text)


def _texts(campaign: Campaign) -> list[Text]:
    return [*campaign.texts.all()]
