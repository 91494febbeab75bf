"""`manage.py catalogue`: brings the Russian catalogue up to date with the code. Needs Babel, not the tools of GNU gettext."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation.template import templatize

LANGUAGE = "ru"
APPS = ("crisis", "audiences", "messaging")
ONE, IN_CONTEXT = (1,), ((1, "c"), 2)
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), ONE),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), IN_CONTEXT),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
HEAD = r"""{comment}
msgid ""
msgstr ""
"Language: ru\n"
"Plural-Forms: {plurals}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
NO_DAY = datetime(2000, 1, 1, tzinfo=UTC)
SHOWN = 40  # problems that are worth reading at once
Key = tuple[str, str]


def po_file() -> Path:
    return Path(settings.LOCALE_PATHS[0]) / LANGUAGE / "LC_MESSAGES" / "django.po"


def extracted() -> Catalog:
    """Every message of the three apps and the templates, without a translation."""
    found = empty()
    for path in _sources():
        source = path.read_text()
        code = source if path.suffix == ".py" else _unindented(templatize(source, str(path)))
        for _line, ids, _comments, context in extract("python", BytesIO(code.encode()), keywords=KEYWORDS):
            found.add(ids, context=context)
    return found


def _unindented(code: str) -> str:
    """Without indentation, which means nothing in a template and too much to Python's tokenizer."""
    return "\n".join(line.lstrip() for line in code.splitlines())


def _sources() -> Iterator[Path]:
    """Python files of the apps and templates, in a fixed order. Migrations and simulators show nobody anything."""
    for app in APPS:
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if not {"migrations", "simulators"} & set(path.parts):
                yield path
    yield from sorted(path for path in (settings.BASE_DIR / "templates").rglob("*") if path.suffix in (".html", ".txt"))


def empty() -> Catalog:
    return Catalog(LANGUAGE, header_comment="# Russian words of the console. Kept in order by `manage.py catalogue`.")


def stored() -> Catalog:
    """The catalogue as it is kept."""
    with po_file().open("rb") as file:
        return read_po(file, LANGUAGE)


def key(message: Message) -> Key:
    return message.context or "", message.id if isinstance(message.id, str) else message.id[0]


def by_key(messages: Iterable[Message]) -> dict[Key, Message]:
    """Messages but the header, by what gettext finds them by."""
    return {key(message): message for message in messages if message.id}


def translated(message: Message) -> bool:
    strings = [message.string] if isinstance(message.string, str) else message.string or ()
    return not message.fuzzy and bool(strings) and all(strings) and message.pluralizable == isinstance(message.string, tuple)


def merged(found: Catalog, kept: Catalog) -> Catalog:
    """The words found, sorted, with the translations kept."""
    result, old = empty(), by_key(kept)
    for place, message in sorted(by_key(found).items()):
        known = old.get(place)
        fits = known is not None and known.pluralizable == message.pluralizable
        result.add(message.id, known.string if known and fits else None, context=message.context)
    return result


def problems(found: Catalog, kept: Catalog) -> list[str]:
    """What keeps the catalogue from being whole, a line each."""
    wanted, old = by_key(found), by_key(kept)
    return [
        *(f"missing: {id!r}" for _context, id in sorted(wanted.keys() - old.keys())),
        *(f"superfluous: {id!r}" for _context, id in sorted(old.keys() - wanted.keys())),
        *(f"untranslated: {place[1]!r}" for place in sorted(wanted.keys() & old.keys()) if not translated(old[place])),
    ]


def as_po(catalog: Catalog) -> bytes:
    """Text without anything that a day or a machine changes."""
    file = BytesIO()
    write_po(file, catalog, width=120, no_location=True, omit_header=True)
    return HEAD.format(comment=catalog.header_comment, plurals=catalog.plural_forms).encode() + file.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """The same, compiled."""
    catalog.creation_date = catalog.revision_date = NO_DAY
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


class Command(BaseCommand):
    help = "Bring the Russian catalogue up to date with the code and compile it; with --check only say what is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything is missing")

    def handle(self, *, check: bool, **options: Any) -> None:
        found, path = extracted(), po_file()
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_po(merged(found, stored() if path.exists() else empty())))
            path.with_suffix(".mo").write_bytes(as_mo(stored()))
        if wrong := problems(found, stored()):
            raise CommandError("\n".join([f"{len(wrong)} problems", *wrong[:SHOWN]]))
        self.stdout.write(f"{len(by_key(found))} messages, all translated")
