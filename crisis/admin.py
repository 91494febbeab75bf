"""Reference data of the console: countries, missions, people. Incidents and the log are only looked at here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crisis.admin_site import ReadOnlyAdmin, RoleAdmin, as_code, coded
from crisis.deeds import data_of, deed
from crisis.models import AdminAction, AuditEntry, Country, Coverage, Incident, LogEntry, Mission, User
from crisis.permissions import ROLES
from crisis.templatetags.console import role_name


@admin.register(Country)
class CountryAdmin(RoleAdmin):
    list_display = ["code", "__str__"]
    search_fields = ["code"]


@admin.register(Mission)
class MissionAdmin(RoleAdmin):
    list_display = ["__str__", "country", "kind", "phone", "source"]
    list_filter = ["kind"]
    list_select_related = ["country"]
    search_fields = ["name_ru", "name_en", "city_ru", "city_en"]


class RoleFilter(admin.SimpleListFilter):
    title, parameter_name = _("role"), "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(role, role_name(role)) for role in ROLES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


@admin.display(description=_("roles"))
def roles(row: User) -> str:
    """For those who may only look."""
    return ", ".join(role_name(role) for role in ROLES if role in row.roles)


LOOKED_AT: list[Any] = [roles, "username", "mission", "is_active", "last_login", "last_seen_at", "date_joined"]
PARTS: list[Any] = [
    (_("Person"), {"fields": ["username", "last_name", "first_name", "email", "language"]}),
    (
        _("Rights"),
        {
            "fields": [roles, "mission", "is_active"],
            "description": _(
                "Two persons change these: one proposes it on the person's page under Colleagues, another confirms it. "
                "New people, lost passwords and lost second steps as well."
            ),
        },
    ),
    (_("Dates"), {"fields": ["last_login", "last_seen_at", "date_joined"]}),
]


@admin.register(User)
class PersonAdmin(RoleAdmin):
    """People by name. Who they are to the console is changed by two persons, on the console's own pages."""

    list_display = ["username", "last_name", "first_name", "mission", "is_active", "last_seen_at"]
    list_filter = [RoleFilter, "is_active"]
    list_select_related = ["mission"]
    search_fields = ["username", "last_name", "first_name"]
    readonly_fields = LOOKED_AT
    fieldsets = PARTS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "status", "category", "severity", "drill", "opened_at", "opened_by"]
    list_filter = ["status", "drill", "category", "severity"]
    search_fields = ["title_ru", "title_en"]


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "incident", "by", "text"]
    list_select_related = ["incident", "by"]


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    list_display = ["incident", "mission", "posted", "link", "since_at", "by"]
    list_select_related = ["incident", "mission", "by"]


@admin.display(description=_("action"), ordering="action")
def done(row: AuditEntry) -> str:
    return deed(row.action)


@admin.display(description=_("data"))
def data(row: AuditEntry) -> str:
    return as_code(data_of(row))


ABOUT = coded("object_type", _("about what"))
HASHES = (coded("prev_hash", _("hash of the row before")), coded("hash", _("hash")))
ENTRY: list[Any] = ["at", "by", done, ABOUT, "object_id", data, *HASHES]
KIND = coded("kind", _("kind"))
PROPOSED: list[Any] = [
    KIND, "person", coded("data", _("data")), "why", "proposed_by", "proposed_at", "confirmed_by", "confirmed_at", "refused_by",
    "refused_at", "refusal",
]  # fmt: skip


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Its filters stand on the console's own page, in words."""

    list_display = ["id", "at", "by", done, ABOUT, "object_id"]
    list_select_related = ["by"]
    fields = readonly_fields = ENTRY


@admin.register(AdminAction)
class AdminActionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", KIND, "proposed_by", "proposed_at", "confirmed_by", "confirmed_at"]
    fields = readonly_fields = PROPOSED
