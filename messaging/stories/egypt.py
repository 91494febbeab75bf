"""The story of November 2015 as plain files: who was seen in Egypt, who may be written to, and who must get the message.

Pure: it reads no clock, no settings and no network, and the same arguments give the same bytes. It is not an importer: the
files go in through the import every user has, and `expected.csv` never does: it is the answer the product is judged by.

All people are invented. What is known of them by construction, for a window of 14 days until the story's `at`:

* accepted, 901, 900, 18: last seen in Egypt inside the window and allowing messages, so all of them must be queued. The
  last three will be refused in a way nobody can know beforehand.
* excluded:not_permitted, excluded:denied: last seen there as well, but they never allowed messages, or opted out.
* left: seen in Egypt inside the window and in Russia later.
* outside: everybody else, among them people one second before the window and one second after it.

A VK id says by its last three digits what the platform will answer: 000-799 accepted, 800-899 refused with 901 (never
allowed), 900 with 900 (has blocked the group), 901 with 901 (took the permission back), 918 with 18 (deleted). People who
must get nothing although they allow messages end in 000-799 too: one sent by mistake is accepted, and so is seen.

People on a boundary have one sighting only. What decides about anybody else lies at least an hour from both ends, and 3
hours from that person's other sightings, so an importer that ignores repeats within the hour finds the same people. When
`at` is the current minute, those one second after it may be ahead of the importer's clock, which tolerates 5 minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

SEED = 2015
PEOPLE = 70_000
DIRECT_PEOPLE = 20_000
FEWEST, MOST = 100, 500_000

HOUR, DAY = 3_600, 86_400
WINDOW = 14 * DAY
OLD = 15 * DAY
VALID = timedelta(hours=72)
SUSPENDED = timedelta(days=-2)
MOSCOW = ZoneInfo("Europe/Moscow")

PLACES: dict[str, tuple[tuple[float, float], ...]] = {
    "EG": ((30.0444, 31.2357), (27.2579, 33.8116), (27.9158, 34.3300), (31.2001, 29.9187), (25.6872, 32.6396)),
    "RU": ((55.7558, 37.6173), (59.9343, 30.3351), (56.8389, 60.6057), (45.0355, 38.9753)),
    "TR": ((36.8969, 30.7133), (41.0082, 28.9784)),
    "IL": ((29.5577, 34.9519), (32.0853, 34.7818)),
    "CY": ((34.7071, 33.0226),),
}
LANGUAGES, LANGUAGE_WEIGHTS = ("ru", "en", "ar", "fr", "de"), (90, 7, 1, 1, 1)
BEFORE_EGYPT: tuple[tuple[str, ...], ...] = ((), (), (), (), ("RU",), ("RU",), ("EG",), ("TR",), ("EG", "RU"))
OLD_TRIPS = (("EG",), ("RU", "EG"), ("EG", "EG"), ("EG", "RU"), ("EG", "TR"))
OTHER_TRIPS = (("TR",), ("TR",), ("RU", "TR"), ("TR", "RU"), ("RU",), ("IL",), ("CY",))

FLAG = {True: "true", False: "false"}

Stay = tuple[str, int]  # country, seconds since 1970
Journey = Callable[[Random, int], list[Stay]]


class StoryError(ValueError):
    """The story cannot be told with these arguments, or not there. The message is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Story:
    """`at` is the story's now and its window's end, UTC. `files`: name to content, UTF-8, lines end in \\n."""

    at: datetime
    people: int
    sightings: int
    files: Mapping[str, bytes] = field(repr=False)


def generate(at: datetime, seed: int = SEED, people: int = PEOPLE) -> Story:
    """The whole story: of 70,000 people 6,000 to be written to, 2,000 who do not allow it, 2,000 who left, 60,000 others.

    Groups grow and shrink with `people`; none disappears, and each boundary keeps at least 3 people.
    Raises StoryError when `at` has no time zone or no whole second, or `people` is out of bounds.
    """
    return _tell(at, seed, people, ROLES)


def generate_direct(at: datetime, seed: int = SEED, people: int = DIRECT_PEOPLE) -> Story:
    """The load case: everybody is in the audience and will be accepted. Raises StoryError as `generate` does."""
    return _tell(at, seed, people, (ACCEPTED,))


def write(story: Story, out: Path) -> None:
    """Writes the files into `out`. Told again into its own directory it completes what is missing and changes nothing.

    Raises StoryError when `out` is a file, or holds anything but this very story.
    """
    if out.exists():
        _refuse_what_is_not_this_story(out, story.files)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in story.files.items():
        if not (out / name).exists():
            part = out / f"{name}.part"  # a writer that dies leaves no half file under the real name
            part.write_bytes(content)
            part.replace(out / name)


def _refuse_what_is_not_this_story(out: Path, files: Mapping[str, bytes]) -> None:
    if not out.is_dir():
        raise StoryError(f"{out} is a file. Name a directory for the story.")
    for path in sorted(out.iterdir()):
        ours = path.is_file() and path.name.removesuffix(".part") in files
        if not ours or (path.name in files and path.read_bytes() != files[path.name]):
            raise StoryError(f"{out} is not empty: {path.name} is not of this story. Name another directory.")


@dataclass(frozen=True, slots=True)
class Role:
    """A group of people with one fate. `weight` is its size among 70,000; `endings` are the last three digits of its VK ids."""

    group: str
    expect: str
    weight: int
    journey: Journey
    endings: range = range(800)
    permitted: bool = True
    denied: bool = False
    least: int = 1


def _tell(at: datetime, seed: int, people: int, roles: Sequence[Role]) -> Story:
    at = _checked(at, people)
    rng, end = Random(seed), int(at.timestamp())  # noqa: S311  no secret: the same seed must tell the same story
    roll = _roll(people, roles)
    rng.shuffle(roll)
    stems = rng.sample(range(2_000, 900_000), people)
    languages = rng.choices(LANGUAGES, LANGUAGE_WEIGHTS, k=people)
    spots = {country: [_spot(rng, town) for town in towns for _ in range(500)] for country, towns in PLACES.items()}
    contacts, addresses, sightings, expected = [], [], [], []  # lines: no field ever needs a quote
    for number, (role, stem, language) in enumerate(zip(roll, stems, languages, strict=True), 1):
        name, value = f"c{number:07d}", stem * 1_000 + rng.choice(role.endings)
        contacts.append(f"{name},{language}")
        addresses.append(f"{name},vk,{value},{FLAG[rng.random() < 0.7]},{FLAG[role.permitted]},{FLAG[role.denied]}")
        expected.append(f"{name},{value},{role.group},{role.expect}")
        for country, seen in role.journey(rng, end):
            sightings.append(f"vk,{value},{country},{rng.choice(spots[country])},{_instant(seen)}")
    rng.shuffle(sightings)
    files = {
        "contacts.csv": _csv("contact,language", contacts),
        "addresses.csv": _csv("contact,kind,value,subscribed,permitted,denied", addresses),
        "sightings.csv": _csv("kind,value,country,lat,lon,seen_at", sightings),
        "expected.csv": _csv("contact,value,group,expect", expected),
    }
    return Story(at, people, len(sightings), files | {name: _json(document) for name, document in _documents(at).items()})


def _checked(at: datetime, people: int) -> datetime:
    if at.tzinfo is None:
        raise StoryError(f"{at.isoformat()} has no time zone. Write it with one, as in 2015-11-08T10:40:00+00:00.")
    if at.microsecond or not 2000 <= at.year < 2100:
        raise StoryError(f"{at.isoformat()} cannot be the story's now. Give a whole second between the years 2000 and 2100.")
    if not FEWEST <= people <= MOST:
        raise StoryError(f"{people} people cannot tell this story. Ask for {FEWEST} to {MOST}.")
    return at.astimezone(UTC)


def _roll(people: int, roles: Sequence[Role]) -> list[Role]:
    """One role a person: each by its weight, the last one takes the rest."""
    *sized, last = roles
    roll = [role for role in sized for _ in range(max(role.least, role.weight * people // PEOPLE))]
    return roll + [last] * (people - len(roll))


def _spot(rng: Random, town: tuple[float, float]) -> str:
    """A place within some 4 km of the town's middle."""
    lat, lon = (degrees + rng.uniform(-0.04, 0.04) for degrees in town)
    return f"{lat:.4f},{lon:.4f}"


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


def _last_in_egypt(rng: Random, end: int) -> list[Stay]:
    return _trip(rng, (*rng.choice(BEFORE_EGYPT), "EG"), _inside(rng, end))


def _left(rng: Random, end: int) -> list[Stay]:
    return _trip(rng, ("EG", "RU"), end - rng.randrange(HOUR, 10 * DAY))  # and Egypt before that, still inside


def _old(rng: Random, end: int) -> list[Stay]:
    return _trip(rng, rng.choice(OLD_TRIPS), end - OLD - rng.randrange(45 * DAY))


def _elsewhere(rng: Random, end: int) -> list[Stay]:
    return _trip(rng, rng.choice(OTHER_TRIPS), _inside(rng, end))


def _once_in_egypt(offset: int) -> Journey:
    """Seen there once, `offset` seconds from the window's end."""
    return lambda rng, end: [("EG", end + offset)]


def _inside(rng: Random, end: int) -> int:
    return end - rng.randrange(HOUR, WINDOW - HOUR)


def _trip(rng: Random, countries: Sequence[str], last: int) -> list[Stay]:
    """Told backwards from the last sighting; between two lie 3 to 48 hours."""
    stays = []
    for country in reversed(countries):
        stays.append((country, last))
        last -= rng.randrange(3 * HOUR, 2 * DAY)
    return stays


ACCEPTED = Role("in_window", "accepted", 5_760, _last_in_egypt)
ROLES = (
    ACCEPTED,
    Role("in_window", "901", 60, _last_in_egypt, endings=range(901, 902)),
    Role("in_window", "900", 60, _last_in_egypt, endings=range(900, 901)),
    Role("in_window", "18", 60, _last_in_egypt, endings=range(918, 919)),
    Role("first_second", "accepted", 30, _once_in_egypt(-WINDOW), least=3),
    Role("last_second", "accepted", 30, _once_in_egypt(0), least=3),
    Role("not_permitted", "excluded:not_permitted", 2_000, _last_in_egypt, endings=range(800, 900), permitted=False),
    Role("denied", "excluded:denied", 300, _last_in_egypt, denied=True),
    Role("left", "left", 2_000, _left),
    Role("second_early", "outside", 30, _once_in_egypt(-WINDOW - 1), least=3),
    Role("second_late", "outside", 30, _once_in_egypt(1), least=3),
    Role("old", "outside", 25_000, _old),
    Role("elsewhere", "outside", 34_640, _elsewhere),
)

SOURCE = {
    "name": "История о Египте (вымысел)",
    "owner": "Эта демонстрация",
    "legal_basis": "Не нужно: все люди, адреса и отметки придуманы программой и никого не описывают.",
    "retention_days": 90,
}

VK = {"slug": "vk-direct", "rate": 20, "lanes": 2}
VK_GEO = {"slug": "vk-geo", "rate": 1, "lanes": 1}
ROAMING = {"slug": "operator-roaming", "rate": 1, "lanes": 1}
DESK = {"slug": "manual", "rate": 1, "lanes": 0, "secret_name": "BY_HAND"}
GROUP = {"label_ru": "ВКонтакте: группа министерства", "label_en": "VK: the ministry's group"}
LOCATION = {"label_ru": "ВКонтакте: заявка по стране", "label_en": "VK: order by location"}
OPERATOR = {"label_ru": "МТС: абоненты в роуминге", "label_en": "MTS: subscribers roaming"}
HOTELS = {"label_ru": "Ассоциация отелей: по телефону", "label_en": "Hotel association: by phone"}


def _drill(label: Mapping[str, str]) -> dict[str, str]:
    return {"label_ru": f"{label['label_ru']} (учение)", "label_en": f"{label['label_en']} (drill)"}


ACCOUNTS = [
    VK | GROUP | {"handle": "100000001", "secret_name": "VK_MINISTRY", "drill": False},
    VK_GEO | LOCATION | {"handle": "mfa", "secret_name": "VK_GEO", "drill": False},
    ROAMING | OPERATOR | {"handle": "mfa", "secret_name": "OPERATOR_ROAMING", "drill": False},
    DESK | HOTELS | {"handle": "hotels", "drill": False},
    VK | _drill(GROUP) | {"handle": "100000002", "secret_name": "DRILL_VK_MINISTRY", "drill": True},
    VK_GEO | _drill(LOCATION) | {"handle": "mfa-drill", "secret_name": "DRILL_VK_GEO", "drill": True},
    ROAMING | _drill(OPERATOR) | {"handle": "mfa-drill", "secret_name": "DRILL_OPERATOR_ROAMING", "drill": True},
    DESK | _drill(HOTELS) | {"handle": "hotels-drill", "secret_name": "DRILL_BY_HAND", "drill": True},
]

EXCEPTION = (
    "Авиасообщение прервано, люди не знают, как вернуться домой; большинство из них не подписано на группу министерства."
)

CAIRO = {"country": "EG", "city_en": "Cairo", "city_ru": "Каир", "phone": "", "source": ""}
ALEXANDRIA = {"country": "EG", "city_en": "Alexandria", "city_ru": "Александрия", "phone": "", "source": ""}
MISSIONS = [
    {
        "kind": "embassy",
        "name_en": "Embassy of the Russian Federation in the Arab Republic of Egypt",
        "name_ru": "Посольство Российской Федерации в Арабской Республике Египет",
        **CAIRO,
    },
    {
        "kind": "consular_section",
        "name_en": "Consular Section of the Embassy of the Russian Federation in the Arab Republic of Egypt",
        "name_ru": "Консульский отдел Посольства Российской Федерации в Арабской Республике Египет",
        **CAIRO,
    },
    {
        "kind": "consulate_general",
        "name_en": "Consulate-General of the Russian Federation in Alexandria",
        "name_ru": "Генеральное консульство Российской Федерации в Александрии",
        **ALEXANDRIA,
    },
]


def _documents(at: datetime) -> dict[str, Any]:
    return {
        "source.json": SOURCE,
        "accounts.json": ACCOUNTS,
        "incident.json": _incident(at),
        "missions.json": MISSIONS,
        "texts.json": _texts(at),
    }


def _incident(at: datetime) -> dict[str, Any]:
    return {
        "at": _instant(int(at.timestamp())),
        "title_en": "Flights to Egypt suspended",
        "title_ru": "Полёты в Египет приостановлены",
        "countries": ["EG"],
        "category": "Transport",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "estimate_people": 80_000,
        "estimate_source": "Ростуризм, по сообщениям агентств 7 ноября 2015 года",
        "estimate_at": "2015-11-07",
        "hotline": "",
    }


def _texts(at: datetime) -> dict[str, Any]:
    """The alert in both languages. Its dates follow `at` as the real ones followed 8 November: suspended two days before."""
    valid = _instant(int((at + VALID).timestamp()))
    return {"kind": "alert", "not_after": valid, "exception_reason": EXCEPTION, "texts": [_text_ru(at), _text_en(at)]}


def _text_ru(at: datetime) -> dict[str, str]:
    suspended, since, until, valid = _dates(at, "ru", "d MMMM y 'года'", "HH:mm d MMMM y 'года'")
    return {
        "language": "ru",
        "headline": "Полёты в Египет приостановлены: как вернуться домой",
        "body": (
            "Это сообщение Ситуационно-кризисного центра Министерства иностранных дел Российской Федерации гражданам России, "
            "которые находятся в Египте.\n\n"
            f"{suspended} Россия приостановила авиасообщение с Египтом. Рейсы домой продолжаются: самолёты прилетают "
            "без пассажиров и забирают вас в день, на который куплен обратный билет. На борт берут только ручную кладь, "
            "багаж доставят в Россию отдельно.\n\n"
            f"Вы получили это сообщение, потому что с {since} по {until} вашим последним известным местом был Египет. "
            "Если получателей выбрала сама социальная сеть, министерство ваших данных не получало. Если вы уже уехали или вы "
            f"не гражданин России, ничего делать не нужно. Сообщение действует до {valid}. Время московское."
        ),
        "instruction": (
            "Держите связь с туроператором или авиакомпанией и поезжайте в аэропорт, когда они подтвердят вылет. "
            "Документы, лекарства, деньги и ценные вещи берите в ручную кладь. Проверить сообщение можно на сайте "
            "министерства: наберите www.mid.ru сами. Мы не просим денег, паролей и данных карт. Чтобы не получать таких "
            "сообщений, запретите сообщения от этой группы."
        ),
        "link": "https://www.mid.ru/",
    }


def _text_en(at: datetime) -> dict[str, str]:
    suspended, since, until, valid = _dates(at, "en", "d MMMM y", "HH:mm 'on' d MMMM y")
    return {
        "language": "en",
        "headline": "Flights to Egypt suspended: how to return home",
        "body": (
            "This is a message from the Situational Crisis Center of the Ministry of Foreign Affairs of the Russian Federation "
            "to citizens of Russia who are in Egypt.\n\n"
            f"On {suspended} Russia suspended flights to Egypt. Flights home go on: aircraft arrive without passengers and "
            "take you home on the day of your return ticket. Only hand baggage is taken on board, other baggage is carried "
            "to Russia separately.\n\n"
            f"You receive this because Egypt was your last known location between {since} and {until}. "
            "Where the social network itself chose the recipients, the ministry did not receive your data. "
            "If you have already left, or are not a citizen of Russia, you need not do anything. "
            f"This message is valid until {valid}. All times are Moscow time."
        ),
        "instruction": (
            "Stay in contact with your tour operator or airline, and go to the airport when they have confirmed your "
            "departure. Keep documents, medicine, money and valuables in your hand baggage. "
            "You can verify this message on the ministry's site: type www.mid.ru yourself. "
            "We do not ask for money, passwords or card details. "
            "To get no more such messages, turn off messages from this group."
        ),
        "link": "https://www.mid.ru/",
    }


def _dates(at: datetime, language: str, day: str, minute: str) -> list[str]:
    """In Moscow: the day of the suspension; then the window's two ends and the end of validity, to the minute."""
    shown = ((SUSPENDED, day), (-timedelta(seconds=WINDOW), minute), (timedelta(), minute), (VALID, minute))
    return [format_datetime(at + shift, form, tzinfo=MOSCOW, locale=language) for shift, form in shown]


def _csv(header: str, lines: Sequence[str]) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def _json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
