"""The audit log in words: what each action is called on the page, and where its object can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import small
from crisis.models import AuditEntry

DEEDS = {
    "incident.declare": gettext_lazy("declared an incident"),
    "incident.note": gettext_lazy("added to the situation log"),
    "incident.schedule_update": gettext_lazy("set when the next update is due"),
    "incident.move": gettext_lazy("moved an incident on"),
    "incident.tick": gettext_lazy("noted what a mission has told its followers"),
    "incident.fact": gettext_lazy("stated a fact of an incident"),
    "outage.report": gettext_lazy("reported what does not work in a country"),
    "outage.end": gettext_lazy("noted that it works again in a country"),
    "audience.write": gettext_lazy("wrote an audience"),
    "audience.create": gettext_lazy("made an audience"),
    "contacts.upload": gettext_lazy("uploaded a file of contacts"),
    "contacts.bad_rows": gettext_lazy("took away rows of a file to correct them"),
    "contacts.import": gettext_lazy("imported contacts"),
    "contacts.import_begin": gettext_lazy("began to import a large file"),
    "contacts.import_cancel": gettext_lazy("cancelled an import"),
    "contacts.feed": gettext_lazy("brought contacts by program"),
    "sightings.feed": gettext_lazy("said by program where people were seen"),
    "trips.feed": gettext_lazy("said by program who will travel where"),
    "source.add": gettext_lazy("entered a source of sightings"),
    "source.change": gettext_lazy("changed a source of sightings"),
    "source.off": gettext_lazy("switched a source of sightings off"),
    "source.on": gettext_lazy("took a source of sightings into use again"),
    "keys.rotate": gettext_lazy("encrypted addresses with a new key"),
    "keys.drop": gettext_lazy("dropped old keys of addresses"),
    "people.search": gettext_lazy("searched for a person"),
    "person.held": gettext_lazy("looked at what is held about a person"),
    "person.forget": gettext_lazy("destroyed what was held about one person"),
    "person.add": gettext_lazy("added a person"),
    "person.begin": gettext_lazy("set their first password"),
    "person.second_step": gettext_lazy("changed the second step of their log-in"),
    "device.make": gettext_lazy("made a key for a wall screen"),
    "device.revoke": gettext_lazy("revoked the key of a wall screen"),
    "lock.lift": gettext_lazy("lifted the lock of a log-in"),
    "session.end": gettext_lazy("ended sessions"),
    "shift.take": gettext_lazy("took over the shift"),
    "duty.plan": gettext_lazy("planned a shift"),
    "duty.call_off": gettext_lazy("called a shift off"),
    "reply.read": gettext_lazy("read a reply"),
    "campaign.draft": gettext_lazy("began a campaign"),
    "campaign.test": gettext_lazy("began a TEST to colleagues"),
    "campaign.edit": gettext_lazy("edited a campaign"),
    "campaign.copy_as_live": gettext_lazy("copied a drill as a live draft"),
    "campaign.submit": gettext_lazy("submitted a campaign for approval"),
    "campaign.withdraw": gettext_lazy("withdrew a campaign"),
    "campaign.take": gettext_lazy("took a campaign to read for a decision"),
    "notice.call": gettext_lazy("called somebody who may decide"),
    "campaign.approve": gettext_lazy("approved a campaign"),
    "campaign.send_back": gettext_lazy("returned a campaign for editing"),
    "campaign.reject": gettext_lazy("rejected a campaign"),
    "campaign.hold": gettext_lazy("held a campaign back: it must be approved again"),
    "campaign.start": gettext_lazy("started sending"),
    "campaign.pause": gettext_lazy("paused sending"),
    "campaign.resume": gettext_lazy("resumed sending"),
    "campaign.stop": gettext_lazy("stopped sending"),
    "campaign.correct": gettext_lazy("began a correction"),
    "campaign.supersede": gettext_lazy("stopped what a later campaign took the place of"),
    "campaign.top_up": gettext_lazy("sent to people who came since"),
    "campaign.resend": gettext_lazy("sent again to people who may or may not have got it"),
    "campaign.leave": gettext_lazy("left as it is who may or may not have got it"),
    "order.ask": gettext_lazy("asked a platform or a duty desk to send"),
    "order.answer": gettext_lazy("noted the decision on an order"),
    "order.remind": gettext_lazy("reminded of an order"),
    "order.waive": gettext_lazy("stopped waiting for the answer to an order"),
    "order.cancel": gettext_lazy("asked to cancel an order"),
    "order.total": gettext_lazy("typed in the totals of an order"),
    "order.note": gettext_lazy("noted what was said of an order"),
    "order.estimate": gettext_lazy("noted how many people a duty desk would reach"),
    "order.close": gettext_lazy("closed an order"),
    "desk.add": gettext_lazy("added a contact card"),
    "desk.change": gettext_lazy("changed a contact card"),
    "desk.retire": gettext_lazy("retired a contact card"),
    "campaign.record": gettext_lazy("took the signed record of a campaign away"),
    "campaign.expire": gettext_lazy("let a campaign expire"),
    "campaign.finish": gettext_lazy("finished sending"),
    "campaign.break_glass": gettext_lazy("sent a campaign alone"),
    "campaign.review_glass": gettext_lazy("reviewed what was sent alone"),
    "playbook.write": gettext_lazy("wrote a version of a playbook"),
    "playbook.approve": gettext_lazy("approved a version of a playbook"),
    "playbook.retire": gettext_lazy("retired a playbook"),
    "exception.grant": gettext_lazy("granted an exception"),
    "exception.use": gettext_lazy("began the first sending under an exception"),
    "exception.renew": gettext_lazy("renewed an exception"),
    "exception.revoke": gettext_lazy("revoked an exception"),
    "exception.note": gettext_lazy("took note of an exception"),
    "account.pause": gettext_lazy("paused an account"),
    "account.rest": gettext_lazy("let an account rest that nobody answered"),
    "account.resume": gettext_lazy("resumed an account"),
    "account.credential": gettext_lazy("changed how an account logs in"),
    "account.test": gettext_lazy("tested an account"),
    "staff.add": gettext_lazy("added a colleague who gets tests"),
    "staff.remove": gettext_lazy("removed a colleague who got tests"),
    "client.create": gettext_lazy("made an API client"),
    "key.create": gettext_lazy("confirmed a new key of an API client"),
    "key.refuse": gettext_lazy("refused a key of an API client"),
    "key.revoke": gettext_lazy("revoked a key of an API client"),
    "power.propose": gettext_lazy("proposed a change of access"),
    "power.confirm": gettext_lazy("confirmed a change of access"),
    "power.refuse": gettext_lazy("refused a change of access"),
    "presence.mend": gettext_lazy("mended what is known of where people are"),
    "retention": gettext_lazy("destroyed what was older than its source lets us keep"),
    "incident.purge": gettext_lazy("destroyed what was held about people of an incident"),
    "backup.made": gettext_lazy("made a backup of the database"),
    "backup.restored": gettext_lazy("restored the console from a backup"),
    "reference.add": gettext_lazy("added reference data"),
    "reference.change": gettext_lazy("changed reference data"),
    "reference.delete": gettext_lazy("deleted reference data"),
}

# Numbers in the data of a row that count no people.
UNCOUNTED = frozenset(
    [
        "account", "by", "campaign", "change", "client", "correction", "drill", "entry", "fact", "incident", "mission",
        "order", "orders", "person", "proposed_by", "retention_days", "round", "sessions", "version",
    ]
)  # fmt: skip


def deed(action: str) -> str:
    """The action in words; a new action shows its own name until it has some."""
    return str(DEEDS.get(action, action))


def told(entries: Iterable[AuditEntry], *, with_data: bool) -> Iterator[dict[str, Any]]:
    """Rows as the timeline shows them. The data are for those who read machine words."""
    for entry in entries:
        codes = [*([_in_line(data_of(entry))] if with_data else []), entry.hash[:12]]
        yield {
            "key": entry.pk,
            "at": entry.at,
            "by": entry.by,
            "text": deed(entry.action),
            "url": _address(entry),
            "note": _about(entry),
            "code": " · ".join(filter(None, codes)),
        }


def _about(entry: AuditEntry) -> str:
    if not entry.object_type:
        return ""
    try:
        kind = apps.get_model(entry.object_type)._meta.verbose_name
    except (LookupError, ValueError):
        kind = entry.object_type
    return _("%(kind)s %(number)s") % {"kind": kind, "number": entry.object_id}


def data_of(entry: AuditEntry) -> dict[str, Any]:
    """Whoever reads machine words sends nothing, so every number that is not known to count no people is told in tens."""
    return {key: value if key in UNCOUNTED else small.plain(value) for key, value in entry.data.items()}


def _in_line(data: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in data.items())


def _address(entry: AuditEntry) -> str:
    """The object's own page, where it has one: <model>_detail by custom."""
    try:
        return reverse(f"{entry.object_type.rpartition('.')[2]}_detail", args=[entry.object_id])
    except NoReverseMatch:
        return ""
