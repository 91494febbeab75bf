"""The change of power over an account: by which name and which secret it speaks at its platform."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import audit
from crisis.models import AdminAction, User
from crisis.power import kinds
from crisis.power.changing import stamp
from crisis.power.kinds import Kind, Shown
from crisis.refusal import Refused
from messaging.models import Account, Status

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,59}")  # of a secret, as environments and the file of secrets write it


def about(account: Account) -> dict[str, Any]:
    """What a proposal keeps of the account as it is now: if that changes meanwhile, nobody confirms something else."""
    return {"account": account.pk, "old_handle": account.handle, "old_secret_name": account.secret_name}


def _account(change: AdminAction) -> Account | None:
    return Account.objects.filter(pk=change.data["account"]).first()


def _check(change: AdminAction) -> None:
    account, handle, name = _account(change), change.data["handle"], change.data["secret_name"]
    if account is None or {**change.data, **about(account)} != change.data:
        raise Refused(_("The account was changed since this was proposed. Nothing was changed now. Propose it anew."))
    _check_handle(account, handle)
    if not NAME.fullmatch(name):
        raise Refused(_("Write the name of a secret in capitals, figures and “_”, at most 60."), field="secret_name")
    if name.startswith("DRILL_") != account.drill:
        raise Refused(_("A drill account's secret is named DRILL_…, and only a drill account's."), field="secret_name")
    if (handle, name) == (account.handle, account.secret_name):
        raise Refused(_("The account speaks so already. Change the name there, the secret, or both."), field="handle")
    if account.campaigns.filter(status__in=[Status.SENDING, Status.PAUSED]).exists():
        raise Refused(_("This account is sending. Wait until it has ended, or stop it; then change the account."))


def _check_handle(account: Account, handle: str) -> None:
    if not 0 < len(handle) <= 200 or not handle.isprintable():
        raise Refused(_("Write the name of the account at its platform, at most 200 characters."), field="handle")
    if Account.objects.filter(slug=account.slug, handle=handle).exclude(pk=account.pk).exists():
        raise Refused(_("Another account of this channel has this name already."), field="handle")


def _apply(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    account = Account.objects.select_for_update().get(pk=change.data["account"])
    Account.objects.filter(pk=account.pk).update(handle=change.data["handle"], secret_name=change.data["secret_name"])
    audit.record("account.credential", by=by, about=account, data={**change.data, "proposed_by": change.proposed_by_id})
    return None


def _in_words(change: AdminAction) -> str:
    sentence = _(
        "The account “%(account)s” will speak as %(handle)s (before: %(old_handle)s), by the secret named %(secret_name)s "
        "(before: %(old_secret_name)s). What waits for approval or for its time has to be approved anew."
    )
    return sentence % {**change.data, "account": _account(change) or change.data["account"]}


def register() -> None:
    """Let two persons change how an account logs in."""
    label = gettext_lazy("How an account logs in")
    kinds.register(Kind("account.credential", label, _in_words, _check, _apply, "account.credential"))
