"""The live TEST (CAP Test): the same few words to a closed list of colleagues, by the real ways, to see whether they work.

It is approved by a second person like everything else. The database lets nobody in who is not on the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crisis.refusal import Problem
from crisis.small import told
from crisis.templatetags.console import number
from messaging.models import Account
from messaging.wording import Words

VALID_FOR = timedelta(hours=1)
WORDS = {
    "ru": Words("ПРОВЕРКА связи", "МИД проверяет связь с сотрудниками. Ничего не случилось.", "Делать ничего не нужно."),
    "en": Words("TEST of our connection", "The ministry tests how it reaches its staff. Nothing has happened.", "Do nothing."),
}


def problems(accounts: list[Account], people: int) -> Iterator[Problem]:
    """What keeps a TEST from being submitted, beside what keeps every message."""
    if any(not account.addressed for account in accounts):
        yield Problem("accounts", _("A TEST is sent only by ways that write to each person. Leave the others out."))
    if accounts and not people:
        yield Problem(
            "accounts", _("These ways can write to no colleague on the list. Add colleagues on the page “Staff for tests”.")
        )


def button(people: int) -> str:
    words = ngettext("Send the TEST to %(n)s colleague", "Send the TEST to %(n)s colleagues", told(people))
    return words % {"n": number(people)}


def tick(people: int) -> str:
    words = ngettext(
        "I understand that %(n)s colleague really gets this TEST",
        "I understand that %(n)s colleagues really get this TEST",
        told(people),
    )
    return words % {"n": number(people)}


def heading(who: object, people: int) -> str:
    words = ngettext(
        "%(who)s wants to send a TEST to %(n)s colleague", "%(who)s wants to send a TEST to %(n)s colleagues", told(people)
    )
    return words % {"who": who, "n": number(people)}


def outcome(people: str) -> str:
    """What the report says first."""
    return _("TEST to colleagues: the platforms accepted it for %(people)s. No citizen received this.") % {"people": people}
