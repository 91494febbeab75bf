"""What the author has to put right in a text: signs and words that deceive the eye, links that deceive."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from audiences.criteria.words import language_name
from crisis.refusal import Problem
from crisis.templatetags.console import things
from messaging.fuses.links import fault, links
from messaging.fuses.spelling import mixed_words, odd_signs
from messaging.models import Text
from messaging.wording import Words

PARTS = (*Words._fields, "link")


def faults(text: Text) -> Iterator[Problem]:
    """What the author has to put right in a text: signs that deceive the eye and links that can only deceive."""
    for part in PARTS:
        for at, sentence in _faults(getattr(text, part), lines=part in ("body", "instruction")):
            where = _("%(part)s, %(language)s, character %(at)s:")
            shown = where % {"part": _part(part), "language": language_name(text.language), "at": things(at)}
            yield Problem(f"text-{text.language}", f"{shown} {sentence}")


def _faults(written: str, *, lines: bool) -> Iterator[tuple[int, str]]:
    for odd in odd_signs(written, lines=lines):
        yield odd.at, _("%(quote)s does not belong into a public text. Delete it.") % {"quote": odd.quote}
    for odd in mixed_words(written):
        yield odd.at, _("“%(quote)s” mixes letters of two alphabets. Type it again in one.") % {"quote": odd.quote}
    for link in links(written):
        if why := fault(link):
            sentence = _("the link “%(quote)s” cannot be sent: %(why)s. Write the plain address of the site.")
            yield link.at, sentence % {"quote": link.typed, "why": why}


def _part(name: str) -> str:
    return {"headline": _("Headline"), "body": _("Text"), "instruction": _("What to do"), "link": _("Link")}[name]
