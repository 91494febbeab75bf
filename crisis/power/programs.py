"""The changes of power over programs: a client that may knock at the API, and a key that opens it."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import clients, feeds
from crisis.models import AdminAction, ApiClient, Mission, Scope, User
from crisis.power import kinds
from crisis.power.changing import stamp
from crisis.power.kinds import Kind, Shown
from crisis.refusal import Refused
from crisis.templatetags.console import local_time


def _mission(change: AdminAction) -> Mission | None:
    wanted = change.data["mission"]
    found = Mission.objects.filter(pk=wanted).first()
    if wanted is not None and found is None:
        raise Refused(_("Choose a mission of the list. Nothing was proposed."), field="mission")
    return found


def _check_client(change: AdminAction) -> None:
    clients.check_client(change.data["name"])
    _mission(change)


def _create_client(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    clients.create_client(change.data["name"], mission=_mission(change), by=by)
    return None


def _client_in_words(change: AdminAction) -> str:
    place = Mission.objects.filter(pk=change.data["mission"]).first() or _("the ministry, all incidents")
    sentence = _("The program “%(name)s” is known here. It can do nothing before it has a key. Where: %(place)s.")
    return sentence % {"name": change.data["name"], "place": place}


def _client(change: AdminAction) -> ApiClient:
    found = ApiClient.objects.filter(pk=change.data["client"]).first()
    if found is None:
        raise Refused(_("There is no such API client. Nothing was changed."))
    return found


def _expires_at(change: AdminAction) -> datetime:
    return datetime.fromisoformat(change.data["expires_at"])


def _sources(change: AdminAction) -> list[int]:
    return change.data.get("sources") or []


def _check_key(change: AdminAction) -> None:
    _client(change)
    clients.check_key(change.data["scopes"], _sources(change), _expires_at(change))


def _create_key(change: AdminAction, by: User) -> Shown | None:
    stamp(change, by=by)
    client, wanted = _client(change), (change.data["scopes"], _sources(change), _expires_at(change))
    _key, text = clients.create_key(client, *wanted, proposed_by=change.proposed_by, by=by)
    words = _("Give this key to whoever runs “%(client)s”, in person or by a safe way. It is shown only now, and kept nowhere.")
    return Shown(words % {"client": client}, text)


def _key_in_words(change: AdminAction) -> str:
    client = ApiClient.objects.filter(pk=change.data["client"]).first()
    opens = ", ".join(str(Scope(one).label) for one in change.data["scopes"])
    sentence = _("“%(client)s” gets a key, until %(time)s. The key lets it: %(opens)s.")
    words = [sentence % {"client": client, "time": local_time(_expires_at(change)), "opens": opens}]
    if wanted := _sources(change):
        names = feeds.names()
        words.append(_("It feeds these sources alone: %(sources)s.") % {"sources": ", ".join(names[one] for one in wanted)})
    return " ".join([*words, _("You are shown the key once.")])


CHANGES = (
    Kind("api.client", gettext_lazy("A new API client"), _client_in_words, _check_client, _create_client, "clients.change"),
    Kind("api.key", gettext_lazy("A new key of an API client"), _key_in_words, _check_key, _create_key, "clients.change"),
)


def register() -> None:
    """Let two persons give programs their keys."""
    kinds.register(*CHANGES)
