"""Who may do what: one table of actions and roles, asked by verbs, views and templates alike, and read by the help page.

A row is an action, its words, and what each of the six may: operator, supervisor, admin, auditor, API client, anonymous.
`Y` yes · `own` only what they made themselves · `2P` only together with another person · `-` no.
Everything is meant within the incidents that a person sees: `Incident.objects.seen_by`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from crisis.refusal import Forbidden

if TYPE_CHECKING:
    from crisis.models import User

OPERATOR, SUPERVISOR, ADMIN, AUDITOR = ROLES = ("operator", "supervisor", "admin", "auditor")
CLIENT, ANONYMOUS = "client", "anonymous"
SIX = (*ROLES, CLIENT, ANONYMOUS)
YES, OWN, TOGETHER, NO = RIGHTS = ("Y", "own", "2P", "-")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `rights` has a word for each of SIX."""

    action: str
    words: Any
    rights: str

    def of(self, role: str) -> str:
        return self.rights.split()[SIX.index(role)]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """(role, right) of the whole row."""
        return [*zip(SIX, self.rights.split(), strict=True)]

    @property
    def roles(self) -> frozenset[str]:
        """The roles of persons that may."""
        return frozenset(role for role in ROLES if self.of(role) != NO)


TABLE: tuple[Rule, ...] = (
    #                                                             operator supervisor admin auditor client anonymous
    Rule("see", _("see incidents, campaigns, audiences and accounts"), "Y Y Y Y own -"),
    Rule("incident.write", _("declare an incident, keep its log, move it, tick missions"), "Y Y - - - -"),
    Rule("outage.write", _("report what does not work in a country, and that it works again"), "Y Y - - - -"),
    Rule("audience.write", _("define an audience and count it"), "Y Y - - own -"),
    Rule("contacts.feed", _("bring contacts and their addresses by program"), "- - - - own -"),
    Rule("sightings.feed", _("say by program where people were seen"), "- - - - own -"),
    Rule("trips.feed", _("say by program who will travel where"), "- - - - own -"),
    Rule("contacts.import", _("import a file of people, addresses or sightings"), "Y Y - - - -"),
    Rule("source.write", _("enter a source of sightings, its owner, legal basis and retention"), "- - Y - - -"),
    Rule("source.switch", _("switch a source of sightings off at once, and on again"), "- Y Y - - -"),
    Rule("campaign.write", _("write, edit and discard a draft"), "Y Y - - own -"),
    Rule("campaign.submit", _("submit a campaign for approval, withdraw it"), "Y Y - - own -"),
    Rule("campaign.approve", _("approve, return or reject what somebody else wrote"), "- 2P - - - -"),
    Rule(
        "campaign.break_glass", _("while on duty, send an unchanged playbook alone, to be reviewed by another"), "- Y - - - -"
    ),
    Rule("playbook.write", _("write a playbook and its next versions"), "Y Y - - - -"),
    Rule("playbook.approve", _("approve a playbook that others wrote, retire one"), "- 2P - - - -"),
    Rule("campaign.stop", _("stop a sending"), "Y Y Y - own -"),
    Rule("campaign.pause", _("pause a sending"), "Y Y - - - -"),
    Rule("campaign.resume", _("let a paused sending go on"), "- Y - - - -"),
    Rule("campaign.correct", _("stop what went out wrong and begin its correction"), "Y Y - - - -"),
    Rule("campaign.top_up", _("send an approved campaign to people who came since"), "Y Y - - - -"),
    # Nobody gets what was not approved for them; who may stop it may also say that twice is better than never, or the reverse.
    Rule("campaign.resend", _("send again to people who may or may not have got it, or leave it so"), "Y Y - - - -"),
    Rule("order.work", _("work an order: remind, ask by hand, note answers, type in totals"), "Y Y - - - -"),
    Rule("order.waive", _("stop waiting for a platform's answer"), "Y Y - - - -"),
    Rule("desk.see", _("look up whom to ask at a duty desk"), "Y Y Y - - -"),
    Rule("desk.write", _("keep the contact cards of duty desks"), "- Y Y - - -"),
    Rule("exception.renew", _("renew an exception that another person granted"), "- 2P - - - -"),
    Rule("exception.revoke", _("revoke an exception at once"), "Y Y Y - - -"),
    Rule("exception.note", _("take note of an exception"), "- - - Y - -"),
    Rule("replies.read", _("read what people wrote back"), "Y Y - - - -"),
    Rule("report.export", _("take a report away as a file of totals"), "Y Y - Y - -"),
    Rule("shift.take", _("sign for a shift that is handed over"), "Y Y - - - -"),
    Rule("duty.write", _("plan who is on duty"), "- Y Y - - -"),
    Rule("people.search", _("look up one person by an exact address"), "- Y - - - -"),
    Rule("person.held", _("answer a person what is held about them, by an exact address"), "- Y Y - - -"),
    Rule("person.forget", _("destroy what is held about one person, at their request"), "- - Y - - -"),
    Rule("account.pause", _("pause an account, let it send again"), "- Y Y - - -"),
    Rule("staff.write", _("say which colleagues get a TEST"), "- Y Y - - -"),
    Rule("account.test", _("ask a platform whether it accepts an account"), "- Y Y - - -"),
    Rule("account.credential", _("change how an account logs in at its platform"), "- - 2P - - -"),
    Rule("audit.see", _("read the audit log, verify its chain"), "- Y Y Y - -"),
    Rule("queues.see", _("look at what waits to be sent, in the machine's words"), "- - Y Y - -"),
    Rule("admin.site", _("look at the reference data"), "- - Y Y - -"),
    Rule("admin.change", _("change reference data: countries, missions, accounts"), "- - Y - - -"),
    Rule("clients.see", _("look at API clients and their keys"), "- - Y Y - -"),
    Rule(
        "clients.change", _("make an API client and its keys together with another person, revoke a key alone"), "- - 2P - - -"
    ),
    Rule("device.change", _("make and revoke the keys of wall screens"), "- - Y - - -"),
    Rule("session.end", _("end every session of a colleague at once"), "- - Y - - -"),
    Rule("lock.lift", _("lift the lock of a log-in after wrong attempts"), "- Y Y - - -"),
    Rule("power.see", _("look at colleagues, their roles, and changes of access"), "- Y Y Y - -"),
    Rule("power.change", _("make people, change roles, reset a second step or a password, shut somebody out"), "- - 2P - - -"),
    Rule("approver.lift", _("lift the 24 hours for which a new approver rests"), "- 2P 2P - - -"),
    Rule("destroyed.see", _("read what was destroyed of the data about people, when and by whom"), "- - Y Y - -"),
    Rule("own.access", _("own password, second factor, sessions and language"), "Y Y Y Y - -"),
    Rule("hook", _("tell what became of a message (a platform, signed)"), "- - - - - own"),
    Rule("register", _("read the public register of exceptions"), "Y Y Y Y Y Y"),
    Rule("contract", _("read the contract of orders"), "Y Y Y Y Y Y"),
    Rule("health", _("ask whether the servers answer"), "Y Y Y Y Y Y"),
)
RULES: dict[str, Rule] = {rule.action: rule for rule in TABLE}
# What a key of the API must open for a verb that its client calls, always on things of its own. No scope opens the others.
SCOPES = {
    "audience.write": "campaigns:write",
    "campaign.write": "campaigns:write",
    "campaign.submit": "campaigns:submit",
    "campaign.stop": "campaigns:stop",
    "contacts.feed": "contacts:write",
    "sightings.feed": "sightings:write",
    "trips.feed": "trips:write",
}

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may(user: User, action: str) -> bool:
    """Whether an active user holds a role, or came with a key, that carries the action. Superuser status carries nothing."""
    return user.is_active and (SCOPES.get(action) in user.scopes or not RULES[action].roles.isdisjoint(user.roles))


def demand(user: User, action: str) -> None:
    """Raises Forbidden unless the user may."""
    if not may(user, action):
        raise Forbidden(_("Your role does not allow this. Nothing was changed. Ask a colleague whose role does."))


def requires(action: str, *, post: str = "") -> Callable[[View[P]], View[P]]:
    """View decorator: the action must be allowed to the person who asks. The view says which: `actions_of(view)`.

    `post` is what a POST demands besides, on a page that more people may read than may fill in.
    """
    for named in filter(None, (action, post)):
        RULES[named]  # a misspelled action fails when the module is read

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            demand(cast("User", request.user), action)
            if post and request.method == "POST":
                demand(cast("User", request.user), post)
            return view(request, *args, **kwargs)

        vars(guarded)["actions"] = (action, *actions_of(view))
        vars(guarded)["posts"] = tuple(filter(None, (post, *getattr(view, "posts", ()))))
        return guarded

    return decorate


def actions_of(view: Callable[..., Any], method: str = "GET") -> tuple[str, ...]:
    """The actions that a view demands of a request by this method, outermost first. Decorators that wrap it keep them."""
    found: tuple[str, ...] = getattr(view, "actions", ())
    return found + getattr(view, "posts", ()) if method == "POST" else found
