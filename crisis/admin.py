"""Reference data of the console: countries, missions, people. Incidents and the log are only looked at here."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from crisis.admin_site import ReadOnlyAdmin, RoleAdmin
from crisis.models import AdminAction, AuditEntry, Country, Coverage, Incident, LogEntry, Mission, User

admin.site.unregister(Group)


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


@admin.register(User)
class PersonAdmin(RoleAdmin, UserAdmin):  # type: ignore[type-arg]
    """People and their roles. Superuser and staff flags open nothing in the console, so they are not offered."""

    list_display = ["username", "last_name", "first_name", "mission", "on_duty", "is_active", "last_seen_at"]
    list_filter = ["groups", "on_duty", "is_active"]
    filter_horizontal = ["groups"]
    readonly_fields = ["last_login", "last_seen_at", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["last_name", "first_name", "email", "language", "mission", "on_duty"]}),
        (_("Rights"), {"fields": ["is_active", "groups"]}),
        (_("Dates"), {"fields": ["last_login", "last_seen_at", "date_joined"]}),
    ]


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


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "at", "by", "action", "object_type", "object_id"]
    list_filter = ["action"]
    list_select_related = ["by"]


@admin.register(AdminAction)
class AdminActionAdmin(ReadOnlyAdmin):
    list_display = ["kind", "proposed_by", "proposed_at", "confirmed_by", "confirmed_at"]
