"""Reference data of the console: countries, missions, people. Incidents and the log are only looked at here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crisis.admin_site import ReadOnlyAdmin, RoleAdmin, coded
from crisis.deeds import deed
from crisis.models import AdminAction, AuditEntry, Country, Coverage, Incident, LogEntry, Mission, User
from crisis.permissions import ROLES
from crisis.templatetags.console import role_name

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


class RoleFilter(admin.SimpleListFilter):
    title, parameter_name = _("role"), "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(role, role_name(role)) for role in ROLES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return role_name(obj.name)


class PersonPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    usable_password_help_text: Any = _("Whoever has no password cannot log in.")


@admin.display(description=_("roles"))
def roles(row: User) -> str:
    """For those who may only look."""
    return ", ".join(role_name(role) for role in ROLES if role in row.roles)


@admin.register(User)
class PersonAdmin(RoleAdmin, UserAdmin):  # type: ignore[type-arg]
    """People and their roles. Superuser and staff flags open nothing in the console, so they are not offered."""

    list_display = ["username", "last_name", "first_name", "mission", "is_active", "last_seen_at"]
    list_filter = [RoleFilter, "is_active"]
    filter_horizontal = ["groups"]
    change_password_form = PersonPasswordForm
    add_fieldsets = [(None, {"fields": ["username", "password1", "password2"]})]
    readonly_fields = ["last_login", "last_seen_at", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Technical users of API clients are no people."""
        return super().get_queryset(request).filter(api_client=None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Nobody gives themselves another role."""
        own = ["groups", "is_active"] if obj is not None and obj == request.user else []
        return [*self.readonly_fields, *own]

    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["last_name", "first_name", "email", "language", "mission"]}),
        (_("Rights"), {"fields": ["is_active", "groups"]}),
        (_("Dates"), {"fields": ["last_login", "last_seen_at", "date_joined"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may only look is shown roles in words, and nothing of a password."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        shown: dict[Any, list[Any]] = {"groups": [roles], "password": []}
        return [
            (name, {"fields": [field for one in options["fields"] for field in shown.get(one, [one])]})
            for name, options in self.fieldsets
        ]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        form_class = {"form_class": RolesField} if db_field.name == "groups" else {}
        return super().formfield_for_manytomany(db_field, request, **form_class, **kwargs)


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


ABOUT = coded("object_type", _("about what"))
HASHES = (coded("prev_hash", _("hash of the row before")), coded("hash", _("hash")))
ENTRY: list[Any] = ["at", "by", done, ABOUT, "object_id", coded("data", _("data")), *HASHES]
KIND = coded("kind", _("kind"))
PROPOSED: list[Any] = [KIND, coded("data", _("data")), "proposed_by", "proposed_at", "confirmed_by", "confirmed_at"]


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
