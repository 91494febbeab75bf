"""Template words used on every page: numbers, times, statuses and rights. Pure presentation: no rule lives here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, get_timezone_location
from babel.numbers import format_decimal
from django import template
from django.forms import BaseForm
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis import demonstration as demo
from crisis import permissions, small
from crisis.browsers import browser_name
from crisis.language import country_name, readers_language
from crisis.login import CONFIRMED, is_fresh
from crisis.models import User
from crisis.refusal import Problem
from crisis.second_factor import demanded, has_one
from crisis.sessions import ending

register = template.Library()
register.filter("country", country_name)

# status → (tone, icon). A tone is a meaning: ok, wait, bad, unsure; "go" is under way, "" is neutral.
STATUSES: dict[str, tuple[str, str]] = {
    "draft": ("", "pencil"),
    "submitted": ("wait", "clock"),
    "approved": ("wait", "clock"),
    "sending": ("go", "send"),
    "paused": ("wait", "pause"),
    "sent": ("ok", "check"),
    "stopped": ("bad", "stop"),
    "rejected": ("", "cross"),
    "expired": ("", "clock"),
    "queued": ("", "clock"),
    "done": ("ok", "check"),
    "accepted": ("go", "send"),
    "delivered": ("ok", "check"),
    "read": ("ok", "eye"),
    "failed": ("bad", "cross"),
    "uncertain": ("unsure", "question"),
    "resent": ("", "send"),
    "refused": ("bad", "cross"),
    "cancelled": ("", "cross"),
    "open": ("wait", "alert"),
    "monitoring": ("go", "eye"),
    "closed": ("", "check"),
    "ok": ("ok", "check"),
    "trouble": ("bad", "alert"),
    "silent": ("wait", "clock"),
    "posted": ("ok", "check"),
    "unknown": ("unsure", "question"),
}

ROLE_NAMES = {
    permissions.OPERATOR: gettext_lazy("operator"),
    permissions.SUPERVISOR: gettext_lazy("supervisor"),
    permissions.ADMIN: gettext_lazy("administrator"),
    permissions.AUDITOR: gettext_lazy("auditor"),
}


@register.filter
def number(value: Any) -> str:
    """A number of people as whoever reads the page may know it. Nothing for nothing."""
    if value in (None, ""):
        return ""
    return _("fewer than 10") if small.hidden(value) else things(small.told(value))


def _roughly(people: int) -> str:
    with small.telling(exact=False):
        return number(people)


roughly = lazy(_roughly, str)  # a number of people in a sentence that is kept, and that anybody may read


@register.filter
def things(value: Any) -> str:
    """A number that counts no people: 12 400 in Russian (narrow no-break space), 12,400 in English. Nothing for nothing."""
    return "" if value in (None, "") else format_decimal(value, locale=readers_language()).replace("\u00a0", "\u202f")


@register.filter
def zone_name(zone: ZoneInfo | str) -> str:
    """The city a zone is named after, in the reader's language: Cairo, Каир."""
    key = zone if isinstance(zone, str) else zone.key
    return "UTC" if key == "UTC" else get_timezone_location(ZoneInfo(key), locale=readers_language(), return_city=True)


@register.filter
def elsewhere(zone: ZoneInfo | str | None) -> bool:
    """Whether a zone has another name than the installation's own, so that both times are worth showing."""
    return bool(zone) and zone_name(zone or "UTC") != zone_name(timezone.get_default_timezone_name())


@register.filter
def about_word(basis: str) -> str:
    """What stands before a number that is not exact."""
    return _("about") + " " if basis in ("about", "estimated") else ""


@register.filter
def clock_time(at: datetime, zone: ZoneInfo | str | None = None) -> str:
    """24-hour time in a zone (the installation's by default); with the day when it is not today there."""
    info = ZoneInfo(zone) if isinstance(zone, str) else zone or timezone.get_default_timezone()
    there, today = at.astimezone(info), timezone.now().astimezone(info)
    skeleton = "" if there.date() == today.date() else "MMMd" if there.year == today.year else "yMMMd"
    day = f"{format_skeleton(skeleton, there, tzinfo=info, locale=readers_language())} " if skeleton else ""
    return f"{day}{there:%H:%M}"


@register.filter
def local_time(at: datetime | None, zone: ZoneInfo | str | None = None) -> str:
    """ "15:05 (Moscow)": the zone is always named, behind the time, so that a preposition can stand before it in any language.

    Nothing for nothing.
    """
    return "" if at is None else f"{clock_time(at, zone)} ({zone_name(zone or timezone.get_default_timezone_name())})"


@register.filter
def duration(value: timedelta | datetime | None) -> str:
    """ "45 s", "4 min", "3 h 05 min", "5 d": how long, or how long since (until) an instant."""
    if value is None:
        return ""
    span = timezone.now() - value if isinstance(value, datetime) else value
    seconds = abs(int(span.total_seconds()))
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)d min") % {"n": seconds // 60}
    if seconds < 48 * 3600:
        return _("%(hours)d h %(minutes)02d min") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}
    return _("%(n)d d") % {"n": seconds // 86400}


@register.filter
def ago(at: datetime | None) -> str:
    """ "4 min ago". Nothing for nothing."""
    return "" if at is None else _("%(duration)s ago") % {"duration": duration(at)}


@register.filter
def clock_tone(since: datetime, limits: str) -> str:
    """wait or bad once `since` is older than "amber,red" seconds."""
    age = (timezone.now() - since).total_seconds()
    amber, red = (float(part) if part else float("inf") for part in limits.split(","))
    return "bad" if age >= red else "wait" if age >= amber else ""


@register.filter
def limits(amber: Any, red: Any) -> str:
    """The two limits of a clock as one argument of `clock_tone`."""
    return f"{amber or ''},{red or ''}"


@register.filter
def tone(status: str) -> str:
    return STATUSES.get(status, ("", ""))[0]


@register.filter
def status_icon(status: str) -> str:
    return STATUSES.get(status, ("", "dot"))[1]


@register.filter
def may(user: Any, action: str) -> bool:
    """`{% if user|may:"campaign.approve" %}`: the same table that the verbs ask."""
    return isinstance(user, User) and permissions.may(user, action)


@register.filter
def role_name(role: str) -> str:
    """What a person of this role is called."""
    return str(ROLE_NAMES.get(role, role))


@register.filter
def tel(phone: str) -> str:
    """A phone as a link dials it: digits, and the plus in front."""
    return ("+" if phone.strip().startswith("+") else "") + "".join(filter(str.isdigit, phone))


@register.filter
def form_problems(form: Any) -> list[dict[str, str]]:
    """What is wrong with a bound form, each with the id of the field to go to. Nothing where there is no form."""
    if not isinstance(form, BaseForm):
        return []
    return [
        {"target": _first_input(form, name), "sentence": _named(form, name, str(sentence))}
        for name, sentences in form.errors.items()
        for sentence in sentences
    ]


def _named(form: BaseForm, name: str, sentence: str) -> str:
    """The sentence after its field's label; a question keeps its own mark."""
    label = str(form[name].label) if name in form.fields else ""
    return " ".join(filter(None, [label if label.endswith("?") or not label else f"{label}:", sentence]))


@register.filter
def problem_targets(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """The same from a refusal's problems, whose fields are named as in the form."""
    return [{"target": f"id_{p.field}" if p.field else "", "sentence": str(p.sentence)} for p in problems or ()]


def _first_input(form: BaseForm, name: str) -> str:
    if name not in form.fields:
        return ""
    field = form[name]
    if not field.use_fieldset:
        return field.id_for_label
    first = next(iter(field.subwidgets), None)  # none: there is nothing to choose from
    return str(first.id_for_label or "") if first else f"{field.auto_id}_group"


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One drawing of the sprite, hidden from screen readers: a word always stands beside it."""
    drawing = '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>'
    return format_html(drawing, f"icon {extra}".strip(), static("icons.svg"), name)


@register.simple_tag(takes_context=True)
def back_url(context: Any) -> str:
    """The page of ours that the person came from, or the start."""
    request = context.get("request")
    came_from = request.headers.get("referer", "") if request else ""
    ours = request and url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return came_from if ours else reverse("situation")


@register.simple_tag
def exactness() -> str:
    """Beside a number of people that was counted: whether this reader is told all of it."""
    return _("exact") if small.is_exact() else _("rounded down")


@register.inclusion_tag("_confirm_first.html", takes_context=True)
def confirm_first(context: Any) -> dict[str, bool]:
    """Beside a button that asks who is there: whether it will ask, and whether the person has just answered."""
    request = context["request"]
    return {"stale": not is_fresh(request), "confirmed": CONFIRMED in request.GET}


@register.inclusion_tag("_demonstration.html", takes_context=True)
def demonstration(context: Any, user: User | None = None, action: str = "mfa_authenticate") -> dict[str, Any]:
    """How to log in to a demonstration: where a code is asked for, the one of the person who is there. Nothing elsewhere."""
    shown = {"code": demo.code(user), "action": reverse(action)} if user else {"people": demo.people()}
    return {
        **shown,
        "password": demo.PASSWORD,
        "csrf_token": context.get("csrf_token"),
        "next": context.get("redirect_field_value"),
    }


@register.simple_tag(takes_context=True)
def second_step(context: Any) -> dict[str, bool]:
    """missing: whether the person's role demands a second step that they have not set up."""
    user = context["request"].user
    return {"missing": demanded(user) and not has_one(user)}


@register.inclusion_tag("_session_end.html", takes_context=True)
def session_end(context: Any) -> dict[str, Any]:
    """The notice that this session ends soon. `request` is missing where a page of failure is rendered without one."""
    request = context.get("request")
    return {"end": ending(request), "next": request.get_full_path()} if hasattr(request, "user") else {"end": None}


register.filter("browser_name", browser_name)
register.filter("told", small.told)


@register.inclusion_tag("_bar.html")
def bar(segments: Iterable[Mapping[str, Any]], label: str = "", at: datetime | None = None) -> dict[str, Any]:
    """A stacked bar. Segments: {label, people, tone, url?}; tone is ok, go, wait, bad, unsure or "" for what waits."""
    rows = [dict(segment) for segment in segments]
    drawn = sum(small.told(row["people"]) for row in rows)
    x = 0.0
    for row in rows:
        row["x"], row["width"] = f"{x:.2f}", f"{(share := 1000 * small.told(row['people']) / drawn if drawn else 0):.2f}"
        x += share
    return {"segments": rows, "total": sum(row["people"] for row in rows), "label": label, "at": at}
