"""Links in a public text: where each leads, which ones can only deceive, and which ones nobody has allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.fuses.spelling import ALPHABETS, alphabet
from messaging.limits import SHORTENERS

SCHEME = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>«»“”\"]+|\b(?:javascript|data|vbscript|file):[^\s<>]+", re.IGNORECASE)
BARE = re.compile(r"(?<![\w@./-])(?:[\w-]+\.)+(?:[a-z]{2,24}|рф|рус|москва|дети)(?![\w-])(?::\d+)?(?:/[^\s<>«»“”\"]*)?")
TAIL = ".,;:!?)]}'"
NUMBERS = re.compile(r"[\d.]+|0x[0-9a-f.x]+", re.IGNORECASE)


class Link(NamedTuple):
    """A link as typed, the host it leads to in small letters, and its place, from 1."""

    typed: str
    scheme: str
    host: str
    path: str
    at: int


def links(text: str) -> list[Link]:
    """All links of a text, with a scheme or without one."""
    found = [_link(match[0], match.start() + 1) for match in SCHEME.finditer(text)]
    rest = SCHEME.sub(lambda match: " " * len(match[0]), text)
    return found + [_link(match[0], match.start() + 1) for match in BARE.finditer(rest)]


def without_links(text: str) -> str:
    return BARE.sub(" ", SCHEME.sub(" ", text))


def _link(typed: str, at: int) -> Link:
    typed = typed.rstrip(TAIL)
    named = typed if SCHEME.match(typed) else f"https://{typed}"
    try:
        parts = urlsplit(named)
        return Link(typed, parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.path, at)
    except ValueError:  # brackets that are no address
        return Link(typed, "", "", "", at)


def fault(link: Link) -> Promise | None:
    """Why a link can only deceive; None for an honest one."""
    if link.scheme not in ("http", "https"):
        return _("it is no web address")
    if "@" in link.typed.partition("://")[2].partition("/")[0]:
        return _("it hides its host behind a name and “@”")
    if ":" in link.host or NUMBERS.fullmatch(link.host):
        return _("it names a number instead of a site")
    if any(label.startswith("xn--") for label in link.host.split(".")):
        return _("its host is written in a code that readers cannot read")
    if any(_mixed(label) for label in link.host.split(".")):
        return _("its host mixes letters of two alphabets")
    return None if "." in link.host else _("it names no site")


def _mixed(label: str) -> bool:
    return len({alphabet(sign) for sign in label if sign.isalpha()} & {*ALPHABETS}) > 1


def unlisted(found: Iterable[Link], allowed: Iterable[str]) -> Iterator[Link]:
    """Links that lead neither to an allowed domain, nor below one, nor to an allowed page such as `vk.com/club1`."""
    entries = [*allowed]
    return (link for link in found if not any(_leads_to(link, entry) for entry in entries))


def _leads_to(link: Link, entry: str) -> bool:
    domain, _slash, page = entry.partition("/")
    here = link.host == domain or link.host.endswith(f".{domain}")
    return here and (not page or link.path.strip("/") == page)


def shortened(link: Link) -> bool:
    return link.host.removeprefix("www.") in SHORTENERS
