"""What every alert has to name, sought in the text of one language: a place, a time that stays true, and who speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import combining, normalize

from messaging.fuses.figures import figures

# Names of countries are made of these as well; alone they name nothing.
GENERIC = frozenset(
    {
        "республика", "остров", "острова", "южная", "северная", "новая", "демократическая", "народная", "соединенные", "штаты",
        "королевство", "republic", "island", "islands", "south", "north", "united", "states", "kingdom", "new", "democratic",
        "saint",
    }
)  # fmt: skip
NUMERALS = (
    r"\d+|один|одного|два|две|двух|три|трех|четыре|пять|шесть|несколько|пару|полчаса|час|сутки"
    r"|a|an|one|two|three|four|five|six|few|several|half"
)
DAYS = r"сегодня|сегодняшн\w+|завтра|завтрашн\w+|послезавтра|вчера|today|tomorrow|yesterday|tonight"
SPANS = (
    rf"через\s+(?:{NUMERALS})(?:\s+(?:минут\w*|час\w*|дн\w+|день|сут\w+|недел\w+))?"
    rf"|in\s+(?:{NUMERALS})(?:\s+(?:an?|few|more))?\s+(?:minutes?|hours?|days?|weeks?)"
)
RELATIVE = re.compile(rf"(?<!\w)(?:(?P<day>{DAYS})|(?P<span>{SPANS}))(?!\w)", re.IGNORECASE)
SENTENCE = re.compile(r"[.!?…]\s+|\n+")


def plain(text: str) -> str:
    """Small letters without accents, so that Türkiye and Turkiye are one word; й stays й."""
    kept = text.casefold().replace("ё", "е")
    return "".join(sign if sign == "й" else _bare(sign) for sign in kept)


def _bare(sign: str) -> str:
    return "".join(part for part in normalize("NFKD", sign) if not combining(part))


def stems(names: Iterable[str]) -> set[str]:
    """The beginnings by which a name is known in any grammatical form: Египет, Египта; Куба, Кубе; США."""
    words = {word for name in names for word in re.findall(r"\w+", plain(name)) if len(word) > 2 and word not in GENERIC}
    return {_stem(word) for word in words}


def _stem(word: str) -> str:
    if len(word) <= 4:
        return word[:-1] if len(word) == 4 and word[-1] in "аяыеиоуй" else word
    return word[: max(4, len(word) - 2)]


def begins_any(text: str, beginnings: Iterable[str]) -> bool:
    """Whether a word, or several in a row, begin like this."""
    alternatives = "|".join(re.escape(plain(one)) for one in beginnings if one)
    return bool(alternatives) and re.search(rf"(?<!\w)(?:{alternatives})", plain(text)) is not None


def states_a_time(text: str) -> bool:
    """Whether a date or a time of day stands in it."""
    return any(figure.kind in ("date", "time") for figure in figures(text))


def relative_words(text: str) -> list[str]:
    """Words of time that mean something else to whoever reads late, where the sentence does not say the time itself."""
    return [
        found[0]
        for sentence in SENTENCE.split(text)
        for found in RELATIVE.finditer(sentence)
        if not _fixed(sentence, span=bool(found["span"]))
    ]


def _fixed(sentence: str, *, span: bool) -> bool:
    kinds = {figure.kind for figure in figures(sentence)}
    return "date" in kinds or (span and "time" in kinds)
