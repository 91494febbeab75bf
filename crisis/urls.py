"""Where everything is. The composition root: other apps are named by strings only."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.templatetags.static import static
from django.urls import include, path, reverse_lazy
from django.utils.functional import lazy
from django.views.decorators.http import require_http_methods
from django.views.generic import RedirectView

from crisis.views import audit, clients, devices, duty, health, incidents, language, power, sessions

handler500 = "crisis.failures.server_error"
form = require_http_methods(["GET", "HEAD", "POST"])  # Django's own form views take a PUT for a POST
passkey_login = login_not_required(passkeys.login_webauthn)
passkey_remove = passkeys.RemoveWebAuthnView.as_view(success_url=reverse_lazy("mfa_index"))
favicon = login_not_required(RedirectView.as_view(url=lazy(static, str)("favicon.ico")))

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("favicon.ico", favicon, name="favicon"),
    path("language/", language.set_language, name="set_language"),
    # Of allauth's pages only those that a closed door needs: nobody signs up or resets a password by mail.
    path("login/", form(account.login), name="account_login"),
    path("logout/", form(account.logout), name="account_logout"),
    path("reauthenticate/", form(account.reauthenticate), name="account_reauthenticate"),
    path("reauthenticate/code/", form(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("reauthenticate/passkey/", form(passkeys.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"),
    path("login/code/", form(mfa.authenticate), name="mfa_authenticate"),
    path("login/passkey/", form(passkey_login), name="mfa_login_webauthn"),
    path("second-step/", form(mfa.index), name="mfa_index"),
    path("second-step/app/", form(totp.activate_totp), name="mfa_activate_totp"),
    path("second-step/app/remove/", form(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("second-step/passkey/", form(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("second-step/passkey/<int:pk>/remove/", form(passkey_remove), name="mfa_remove_webauthn"),
    path("second-step/codes/", form(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("second-step/codes/new/", form(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("password/", form(account.password_change), name="account_change_password"),
    path("password/none/", sessions.no_password, name="account_set_password"),
    path("set-up/<int:pk>/<str:token>/", sessions.set_up, name="set_up"),
    path("clients/", clients.client_list, name="client_list"),
    path("clients/new/", clients.client_new, name="client_new"),
    path("clients/<int:pk>/key/", clients.key_new, name="key_new"),
    path("clients/revoke/", clients.key_revoke, name="key_revoke"),
    path("screens/", devices.device_list, name="device_list"),
    path("screens/make/", devices.device_make, name="device_make"),
    path("screens/<int:pk>/revoke/", devices.device_revoke, name="device_revoke"),
    path("sessions/", sessions.session_list, name="session_list"),
    path("sessions/end/", sessions.session_end, name="session_end"),
    path("locks/", sessions.lock_list, name="lock_list"),
    path("locks/lift/", sessions.lock_lift, name="lock_lift"),
    path("admin/", admin.site.urls),
    path("incidents/<int:pk>/log/", incidents.incident_note, name="incident_note"),
    path("incidents/<int:pk>/next-update/", incidents.incident_next_update, name="incident_next_update"),
    path("incidents/<int:pk>/status/", incidents.incident_status, name="incident_status"),
    path("incidents/<int:pk>/coverage/<int:mission>/", incidents.incident_coverage, name="incident_coverage"),
    path("duty/", duty.roster, name="roster"),
    path("duty/plan/", duty.duty_plan, name="duty_plan"),
    path("duty/<int:pk>/call-off/", duty.duty_call_off, name="duty_call_off"),
    path("audit/", audit.audit_list, name="audit_list"),
    path("audit/verify/", audit.audit_verify, name="audit_verify"),
    path("staff/", power.user_list, name="user_list"),
    path("staff/new/", power.user_new, name="user_new"),
    path("staff/<int:pk>/", power.user_detail, name="user_detail"),
    path("staff/<int:pk>/sessions/end/", power.user_sessions_end, name="user_sessions_end"),
    path("staff/<int:pk>/propose/<str:kind>/", power.user_propose, name="user_propose"),
    path("power/", power.adminaction_list, name="adminaction_list"),
    path("power/<int:pk>/", power.adminaction_detail, name="adminaction_detail"),
    path("power/<int:pk>/confirm/", power.adminaction_confirm, name="adminaction_confirm"),
    path("power/<int:pk>/refuse/", power.adminaction_refuse, name="adminaction_refuse"),
    path("help/rights/", power.help_permissions, name="help_permissions"),
    path("", include("audiences.urls")),
    path("", include("messaging.urls")),
]
