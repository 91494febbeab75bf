"""The numbers by which the console refuses or asks twice: shown on the page of limits and quoted in the sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LONGEST = timedelta(days=7)  # a message is valid
EXCEPTION_HOURS = 72  # one approver's word on an exception lasts; another one renews it
LEAST_REASON = 20  # signs of a reason that everybody will read: a sentence, not a word
LONGEST_HEADLINE, LONGEST_TEXT = 160, 20_000  # characters

OVERRIDABLE = 2  # warnings one message may be sent in spite of; with more it goes back to its author
REPEAT_HOURS = 6
REPEAT_PERCENT = 90  # of the words are the same
AN_HOUR = 5  # messages by one author or about one incident before the console asks
USUAL_TIMES = 10
USUAL_OF = 20  # earlier messages of an author that make what is usual
USUAL_FROM = 1_000  # fewer people than this are never unusual
FIRST_FROM = 50_000  # the same for an author who has sent nothing yet
SMALLEST_NUMBER = 10  # smaller ones are often written as words, so languages are not compared by them


class Limit(NamedTuple):
    """A number with what it limits, as the page shows it."""

    number: int
    unit: Any
    what: Any


LIMITS = (
    Limit(OVERRIDABLE, _("warnings"), _("can be overridden on one campaign; with more it goes back to its author")),
    Limit(REPEAT_HOURS, _("hours"), _("back the console looks for a nearly identical text about the same country")),
    Limit(REPEAT_PERCENT, _("percent"), _("of the same words make two texts nearly identical")),
    Limit(AN_HOUR, _("campaigns an hour"), _("by one author or about one incident can be sent before the console asks")),
    Limit(USUAL_TIMES, _("times"), _("the usual number of people of an author make the console ask")),
    Limit(USUAL_OF, _("earlier campaigns"), _("are taken for what is usual of an author")),
    Limit(USUAL_FROM, _("people"), _("or fewer are never too many")),
    Limit(FIRST_FROM, _("people"), _("or fewer are never too many for an author's first campaign")),
    Limit(LONGEST.days, _("days"), _("at most a campaign is valid")),
    Limit(EXCEPTION_HOURS, _("hours"), _("at most an exception for people who did not subscribe lasts")),
)  # fmt: skip


def say_when_an_exception_ends() -> str:
    return gettext("Say when the exception ends: at most %(hours)d hours from now.") % {"hours": EXCEPTION_HOURS}


# A shortener hides where it leads.
SHORTENERS = frozenset(
    {
        "bit.ly", "vk.cc", "clck.ru", "goo.gl", "goo.su", "t.co", "tinyurl.com", "is.gd", "cutt.ly", "ow.ly", "u.to", "rb.gy",
        "surl.li", "short.io", "t.ly",
    }
)  # fmt: skip

# How the sender is named in a text, by the beginnings of the words; CRISIS_SENDERS adds to them in every language.
SENDERS = {
    "ru": ("мид", "министерств", "посольств", "консульств", "генконсульств", "генерального консульств", "кризисн"),
    "en": ("ministry", "embassy", "consulate", "consular", "crisis center", "crisis centre"),
}
