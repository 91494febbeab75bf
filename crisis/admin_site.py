"""The admin site for reference data: entered by role, never by staff or superuser flags, and every change is audited."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crisis import audit
from crisis.lines import stray
from crisis.models import User
from crisis.permissions import demand, may

DOORS = {"auth", "account", "mfa", "usersessions"}


class ConsoleAdminSite(AdminSite):
    """Who may see it is said by the same table as everywhere; logging in is the console's."""

    site_header = site_title = _("Reference data")
    index_title = _("What the console is set up with")
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """What lets a person in, and groups, which are roles, nobody changes here: those tables stay out of the site."""
        rows: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else [*model_or_iterable]
        shown = [row for row in rows if row._meta.app_label not in DOORS]
        super().register(shown, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and may(request.user, "admin.site")

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the console's own login; whoever is in already and may not see this is told so."""
        if isinstance(request.user, User):
            demand(request.user, "admin.site")
        return redirect_to_login(request.GET.get("next", resolve_url("admin:index")), resolve_url("account_login"))


def coded(name: str, description: Any) -> Callable[[Any], str]:
    """A column or field of machine words, marked as code: they are in nobody's language."""

    @admin.display(description=description, ordering=name)
    def shown(row: Any) -> str:
        return as_code(getattr(row, name))

    return shown


def as_code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "—" if value in ("", None) else format_html("<code>{}</code>", text)


class RoleAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Seen by those who may see the site, changed by administrators; each change is a row of the audit log."""

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return isinstance(request.user, User) and may(request.user, "admin.site")

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return isinstance(request.user, User) and may(request.user, "admin.change")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.has_change_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(db_field, models.CharField):
            field.validators = [*field.validators, partial(_demand_line, db_field)]
        return field

    # Django calls these last, inside the transaction of the change: exactly where an audit row belongs.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record("reference.add", by=_person(request), about=obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record("reference.change", by=_person(request), about=obj, data={"fields": _fields(message)})

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            audit.record("reference.delete", by=_person(request), about=obj)


class ReadOnlyAdmin(RoleAdmin):
    """Rows that only verbs may write. `codes` are fields that hold machine words."""

    codes: tuple[str, ...] = ()

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any | None = None) -> list[Any]:
        shown = super().get_fields(request, obj)
        return [coded(name, label_for_field(name, self.model)) if name in self.codes else name for name in shown]


def _demand_line(field: Any, text: Any) -> None:
    if sentence := stray(field, str(text)):
        raise ValidationError(sentence)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _fields(message: Any) -> list[str]:
    parts = message if isinstance(message, list) else []
    return sorted({field for part in parts for field in part.get("changed", {}).get("fields", [])})
