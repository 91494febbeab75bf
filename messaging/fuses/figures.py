"""What a text states in figures: phones, flights, dates, times of day, numbers; alike in Russian and English."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from messaging.fuses.links import without_links
from messaging.limits import SMALLEST_NUMBER

MONTHS = (
    "январ|january|jan", "феврал|february|feb", "март|march|mar", "апрел|april|apr", "ма[йя]|may", "июн|june|jun",
    "июл|july|jul", "август|august|aug", "сентябр|september|sept|sep", "октябр|october|oct", "ноябр|november|nov",
    "декабр|december|dec",
)  # fmt: skip
MONTH = "(?P<month>" + "|".join(MONTHS) + r")[а-я]{0,2}\.?(?![a-zа-я])"
YEAR = r"(?:,?\s+(?:в\s+)?(?:19|20)\d\d(?:\s*(?:года|год|г\.?)(?!\w))?)?"
PHONES = (
    re.compile(r"\+\d(?:[ \u00a0().-]{0,2}\d){6,14}(?![\d:])"),
    re.compile(r"(?<![\d.+])8[ \u00a0-]?\(?\d{3}\)?[ \u00a0-]?\d{3}[ \u00a0-]?\d{2}[ \u00a0-]?\d{2}(?!\d)"),
)
LOCAL_PHONE = re.compile(r"(?<![\d-])\d{2,4}(?:-\d{2,4}){1,3}(?![\d-])")
DATES = (
    re.compile(r"(?<!\d)(?:19|20)\d\d-(?P<m>\d\d)-(?P<d>\d\d)(?!\d)"),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})(?:-?го|-?е|st|nd|rd|th)?\s+(?:of\s+)?{MONTH}{YEAR}", re.IGNORECASE),
    re.compile(rf"\b{MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\d){YEAR}", re.IGNORECASE),
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})[./](?P<m>\d{1,2})(?:[./](?:19|20)?\d\d)?(?:\s*(?:года|г\.)(?!\w))?(?![\d.]\d)"),
)
TIMES = (
    re.compile(r"(?<![\d.:])(?P<h>\d{1,2})[:.](?P<min>\d\d)(?::\d\d)?(?:\s*(?P<half>[ap])\.?m\b\.?)?(?!\d)", re.IGNORECASE),
    re.compile(r"(?<![\d.:])(?P<h>\d{1,2})\s*(?P<half>[ap])\.?m\b\.?", re.IGNORECASE),
)
FLIGHT = re.compile(r"(?<!\w)(?P<line>[A-ZА-Я]{2}|[A-ZА-Я]\d|\d[A-ZА-Я])[ \u00a0-]?(?P<no>\d{2,4})(?!\w)")
NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:[ \u00a0\u2009\u202f,]\d{3})+(?!\d)|\d+(?:[.,]\d+)?")
LATIN = str.maketrans("АБВГДЕЗИКЛМНОПРСТУФХЦЭЮЯ", "ABVGDEZIKLMNOPRSTUFHCEUA")  # as airlines spell their codes


class Figure(NamedTuple):
    """One statement: kind is phone, flight, date, time or number; `value` compares, `typed` is quoted."""

    kind: str
    value: str
    typed: str


Reading = Callable[["re.Match[str]"], Figure | None]


def figures(text: str) -> list[Figure]:
    """Everything a text states in figures, each sign read once, the most telling reading first."""
    rest, found = without_links(text), list[Figure]()
    for pattern, reading in READINGS:
        rest = pattern.sub(lambda match, reading=reading: _take(match, reading, found), rest)  # type: ignore[misc]
    return found


def _take(match: re.Match[str], reading: Reading, found: list[Figure]) -> str:
    """Blanks out what was read; leaves what this reading cannot make sense of."""
    figure = reading(match)
    if figure is None:
        return match[0]
    found.append(figure)
    return "¤" * len(match[0])


def phone(match: re.Match[str]) -> Figure:
    return Figure("phone", phone_digits(match[0]), match[0])


def phone_digits(typed: str) -> str:
    """A phone as digits; the Russian 8 of long distance is the country's 7."""
    digits = re.sub(r"\D", "", typed)
    return f"7{digits[1:]}" if len(digits) == 11 and digits[0] == "8" else digits


def _date(match: re.Match[str]) -> Figure | None:
    groups = match.groupdict()
    month = int(groups["m"]) if groups.get("m") else _month(groups["month"])
    day = int(groups["d"])
    return Figure("date", f"{month:02d}-{day:02d}", match[0].strip()) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _month(word: str) -> int:
    return next(number for number, names in enumerate(MONTHS, 1) if re.fullmatch(names, word, re.IGNORECASE))


def _time(match: re.Match[str]) -> Figure | None:
    hour, minute = int(match["h"]), int(match.groupdict().get("min") or 0)
    if half := match["half"]:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    return Figure("time", f"{hour:02d}:{minute:02d}", match[0].strip()) if hour <= 24 and minute <= 59 else None


def _flight(match: re.Match[str]) -> Figure:
    return Figure("flight", match["line"].translate(LATIN) + match["no"].lstrip("0"), match[0])


def _number(match: re.Match[str]) -> Figure | None:
    digits = re.sub(r"(?<=\d)[ \u00a0\u2009\u202f,](?=\d{3}(?!\d))", "", match[0]).replace(",", ".")
    return Figure("number", digits, match[0]) if float(digits) >= SMALLEST_NUMBER else None


READINGS: tuple[tuple[re.Pattern[str], Reading], ...] = (
    *((pattern, phone) for pattern in PHONES),
    *((pattern, _date) for pattern in DATES),
    *((pattern, _time) for pattern in TIMES),
    (FLIGHT, _flight),
    (LOCAL_PHONE, phone),
    (NUMBER, _number),
)
