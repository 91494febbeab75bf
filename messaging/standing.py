"""Whether we can speak by an account: the verbs pause, resume and probe, and what a platform's refusal means in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Refused
from messaging import bell
from messaging.channels import ChannelError
from messaging.models import Account, Lane

# Why an account of ours does not even ask (`Account.connect`).
UNASKED: Mapping[str, Any] = {
    "no_secret": gettext_lazy("Its secret is not in place. An administrator has to add it."),
    "bad_address": gettext_lazy("The platform's address is set up wrongly. An administrator has to put it right."),
    "drill_not_local": gettext_lazy(
        "It is a drill account whose platform is not on this machine. An administrator has to name one that is."
    ),
}
# What keeps an account from speaking → a sentence with what to do. Codes are VK's; words are ours.
TROUBLE: Mapping[str, Any] = {
    **UNASKED,
    "5": gettext_lazy("The platform does not accept our token. An administrator has to put a new one in place."),
    "7": gettext_lazy("The token may not send messages. An administrator has to give it that right at the platform."),
    "9": gettext_lazy("The platform says we send too many of the same. Wait, or agree a higher limit with it."),
    "14": gettext_lazy("The platform wants a person to solve a captcha. Log in to the group's own account there."),
    "15": gettext_lazy("The platform refuses access. Look into the group's own account there."),
    "17": gettext_lazy("The platform wants the group's account to be confirmed again. Log in there."),
    "27": gettext_lazy("The group's token is not valid any more. An administrator has to put a new one in place."),
    "29": gettext_lazy("The platform's limit is used up for now. Wait, or agree a higher limit with it."),
    "another_community": gettext_lazy(
        "The token belongs to another group than this account names. An administrator has to put the right one in place."
    ),
    "timeout": gettext_lazy("The platform did not answer in time. If that goes on, ask it what is wrong."),
    "redirected": gettext_lazy(
        "The platform's address sends us elsewhere; that is not followed. An administrator has to put the address right."
    ),
    "broken": gettext_lazy("A fault of this console broke the request. An administrator finds it in the log."),
    "unreadable": gettext_lazy("The platform's answer could not be understood. If that goes on, ask it what it changed."),
    "unreachable": gettext_lazy(
        "The platform could not be reached; nothing was sent to it. If that goes on, an administrator checks the network."
    ),
    "connection_lost": gettext_lazy(
        "The connection to the platform broke before its answer came. If that goes on, an administrator checks the network."
    ),
    "too_large": gettext_lazy("The platform's answer was too large to be read. If that goes on, ask it what it changed."),
    "not_answered": gettext_lazy("The platform said nothing of some people. Do nothing: they are asked for again."),
    "not_addressed": gettext_lazy("This way does not write to people one by one. Choose another one."),
    "text_not_approved": gettext_lazy(
        "The text is not the one that was approved, so the platform was not asked. Begin a new campaign."
    ),
    "audience_not_supported": gettext_lazy(
        "The platform cannot find people by this audience. Choose people of a country and a time, or another way."
    ),
    "no_legal_basis": gettext_lazy(
        "Nobody may be written to who does not follow us, unless a legal basis is named. An administrator has to name it."
    ),
    "exception_over": gettext_lazy(
        "The exception was over before the platform was asked, so it was not asked. "
        "If the danger goes on, begin a new campaign with a new exception."
    ),
    "never_asked": gettext_lazy("It ended before the platform was asked. If it is still needed, begin a new campaign."),
    "cannot_tell_apart": gettext_lazy(
        "The platform cannot tell who got the earlier message, so it was not asked. Reach these people in another way."
    ),
    "untold": gettext_lazy(
        "They were asked to stop. For a day nobody has told how many had gone. Call them, and note it once they tell."
    ),
    "unknown_order": gettext_lazy("The platform does not know our order. Call its duty officer."),
    "another_order": gettext_lazy("The platform answered about another order than ours. Call its duty officer."),
    "exercise_mismatch": gettext_lazy(
        "The platform is one of exercises and the account is not, or the reverse. Nothing is sent. "
        "An administrator has to put the address right."
    ),
    "wrong_issuer": gettext_lazy(
        "The platform knows our key under another name than the account's. Compare the handle with it."
    ),
    "not_approved": gettext_lazy("The platform misses the approval of a supervisor. Call its duty officer."),
    "wording_missing": gettext_lazy(
        "The text lacks a sentence that says why people get it or how to verify it. Begin a new campaign with that sentence."
    ),
    "basis_over": gettext_lazy("The exception ends before the campaign does. Begin a new one that ends before it."),
    "window_over": gettext_lazy("The time in which it may be sent is over. If it is still needed, begin a new campaign."),
    "below_threshold": gettext_lazy(
        "So few people match that the platform does not write to them as a group. Reach them in another way."
    ),
    "too_long": gettext_lazy(
        "The text is longer than the platform can send. It cuts nothing, and sent nothing. Write a shorter one."
    ),
    "earlier_order_unknown": gettext_lazy(
        "The platform does not know any more who got the earlier message. Reach these people in another way."
    ),
    "recipients_not_supported": gettext_lazy(
        "The platform does not remember who got a message. Reach these people in another way."
    ),
    "post_not_found": gettext_lazy("There is no such post at the platform. Publish it there, then begin a new campaign."),
    "post_differs": gettext_lazy(
        "The post at the platform does not say word for word what was approved. Make it the same, then begin a new campaign."
    ),
    "posts_not_supported": gettext_lazy("The platform does not spread posts. Send the words themselves by it."),
    **dict.fromkeys(
        ("unknown_field", "missing_field", "invalid", "wrong_idempotency_key"),
        gettext_lazy("The platform says that our order breaks the contract. Compare the versions of the contract."),
    ),
    "another_platform": gettext_lazy(
        "At this address there is a platform of another kind than this account names. An administrator has to put it right."
    ),
    "http_401": gettext_lazy("The platform does not accept our signature. An administrator has to compare the secret."),
    "http_403": gettext_lazy("The platform refuses us access. An administrator has to ask it why."),
    "idempotency_conflict": gettext_lazy("The platform holds another order under the same number. Call its duty officer."),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What a test found."""

    ok: bool
    sentence: str


def in_words(reason: str) -> str:
    """Why an account is in trouble: a machine's word as a sentence, a person's own words as they are."""
    if reason in TROUBLE:
        return str(TROUBLE[reason])
    if reason.startswith("http_"):
        return _("The platform answered with the error %(code)s. If that goes on, ask it what is wrong.") % {
            "code": reason.removeprefix("http_")
        }
    if " " in reason or not reason.isascii():
        return reason
    return _("The platform's reason: %(reason)s.") % {"reason": reason or "—"}


def trouble(account: Account) -> str:
    """Why nothing is sent by this account now, in words; empty when nothing keeps it."""
    if account.paused_at:
        return in_words(account.paused_reason)
    if not account.rests_until:
        return ""
    sentence = _("Nobody has answered %(n)d times in a row. %(why)s It is tried again by itself within a minute.")
    return sentence % {"n": account.failures, "why": in_words(account.rest_reason)}


def in_trouble() -> list[tuple[Account, str]]:
    """Every account by which nothing is sent now, and why."""
    return [(account, trouble(account)) for account in Account.objects.in_trouble()]


@transaction.atomic
def pause_account(account: Account, reason: str, *, by: User) -> None:
    """Send nothing by this account until somebody resumes it, except that orders are cancelled. What is queued stays queued.

    Raises Refused without a reason.
    """
    demand(by, "account.pause")
    reason = reason.strip()
    if not reason:
        raise Refused(_("Say why: whoever resumes it needs the reason. Nothing was changed."), field="reason")
    if len(reason) > 300:
        raise Refused(_("The reason is longer than 300 characters. Shorten it."), field="reason")
    changed = Account.objects.filter(pk=account.pk, paused_at=None).update(paused_at=now(), paused_reason=reason)
    if not changed:
        raise Refused(_("The account is paused already. Nothing was changed."))
    audit.record("account.pause", by=by, about=account, data={"reason": reason})


@transaction.atomic
def resume_account(account: Account, *, by: User) -> None:
    """Send by this account again, beginning with what waits; one that rests is tried at once."""
    demand(by, "account.pause")
    fresh = {"paused_at": None, "paused_reason": "", "failures": 0, "rests_until": None, "rest_reason": ""}
    if not Account.objects.in_trouble().filter(pk=account.pk).update(**fresh):
        raise Refused(_("The account is not paused. Nothing was changed."))
    lanes = [*Lane.objects.filter(account=account).select_related("account")]
    transaction.on_commit(partial(bell.ring, lanes), robust=True)
    audit.record("account.resume", by=by, about=account)


def probe(account: Account, *, by: User) -> Probe:
    """Ask the platform whether this account can speak; nobody is written to. Never in a transaction: it waits for a network."""
    demand(by, "account.test")
    found = _ask(account)
    with transaction.atomic():
        audit.record("account.test", by=by, about=account, data={"ok": found.ok, "result": found.sentence})
    return found


def _ask(account: Account) -> Probe:
    try:
        asyncio.run(_probe(account))
    except ChannelError as error:
        return Probe(False, in_words(error.reason))
    return Probe(True, _("The platform answered and accepts this account."))


async def _probe(account: Account) -> None:
    async with account.connect() as channel:
        await channel.probe()
