"""Settings of an installation, read from the environment once, at start. Starts nothing and needs no server.

Without DATABASE_URL / REDIS_URL the embedded servers of `crisis.embedded` below DATA_DIR are meant.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from crisis import embedded

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("CRISIS_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

DEMO = env.bool("CRISIS_DEMO", default=False)
TESTING = "PYTEST_VERSION" in os.environ
LOCAL = DEMO or TESTING
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="only-for-a-demonstration-on-this-machine" if LOCAL else "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "testserver"] if LOCAL else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECRETS_FILE = Path(env.str("CRISIS_SECRETS_FILE", default=str(DATA_DIR / "secrets.json")))
AUDIT_EXPORT_DIR = Path(env.str("CRISIS_AUDIT_EXPORT_DIR", default=str(DATA_DIR / "audit")))
RECORD_KEY_FILE = Path(env.str("CRISIS_RECORD_KEY", default=str(DATA_DIR / "record-key.pem")))
KEY_RING_FILE = Path(env.str("CRISIS_KEY_RING", default=str(DATA_DIR / "keys.json")))

INSTALLED_APPS = [
    "messaging",
    "audiences",
    "crisis",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crisis.sessions.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "crisis.sessions.SessionMiddleware",
    "crisis.second_factor.SecondFactorMiddleware",
    "crisis.middleware.PersonMiddleware",
    "crisis.middleware.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "crisis.urls"
CSRF_FAILURE_VIEW = "crisis.failures.csrf_failure"
WSGI_APPLICATION = "crisis.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "crisis.frame.frame",
                "messaging.waiting.waiting",
                "messaging.glass.glass",
            ],
            "builtins": ["crisis.templatetags.console"],
        },
    }
]

CONNECTION_OPTIONS = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def database(role: str, variable: str) -> dict[str, Any]:
    """One entry of DATABASES: the variable's URL, or the embedded server as this role."""
    found: dict[str, Any] = env.db_url(variable) if variable in env.ENVIRON else embedded.database_settings(DATA_DIR, role)
    options = {**CONNECTION_OPTIONS, **found.get("OPTIONS", {})}
    host = options.pop("host", found.get("HOST", ""))
    return {**found, "HOST": host, "OPTIONS": options, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


DATABASES = {
    "default": database("crisis_app", "DATABASE_URL"),
    "owner": database("owner", "OWNER_DATABASE_URL" if "OWNER_DATABASE_URL" in env.ENVIRON else "DATABASE_URL"),
}
REDIS_URL = env.str("REDIS_URL", default=embedded.redis_url(DATA_DIR))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "crisis.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "crisis.login.ClosedDoorAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login_failed": "30/10m/key"}  # of one name from wherever; from one address django-axes is stricter
AXES_FAILURE_LIMIT = 10
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(hours=1)
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_SENSITIVE_PARAMETERS = ["login", "username", "password", "oldpassword", "password1", "password2", "code", "credential"]
AXES_CLIENT_IP_CALLABLE, AXES_LOCKOUT_CALLABLE = "crisis.lockout.address_of", "crisis.lockout.page"
FRESH_SECONDS = ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("CRISIS_FRESH_SECONDS", default=300)
MFA_ADAPTER = "crisis.second_factor.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL  # http://localhost
MFA_FORMS = {
    "authenticate": "crisis.second_factor.LoginCodeForm",
    "reauthenticate": "crisis.second_factor.ConfirmCodeForm",
    "add_webauthn": "crisis.second_factor.AddPasskeyForm",
    "authenticate_webauthn": "crisis.second_factor.PasskeyForm",
    "login_webauthn": "crisis.second_factor.LoginPasskeyForm",
    "reauthenticate_webauthn": "crisis.second_factor.ConfirmPasskeyForm",
}
MFA_TOTP_ISSUER = "Crisis console"
MFA_TOTP_TOLERANCE = 1  # steps of 30 seconds to either side: clocks differ
PASSWORD_RESET_TIMEOUT = 24 * 3600  # of the link that sets a first password
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "situation"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

COOKIE_PREFIX = "" if LOCAL else "__Host-"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid", f"{COOKIE_PREFIX}csrftoken"
LANGUAGE_COOKIE_NAME, LANGUAGE_COOKIE_SECURE = f"{COOKIE_PREFIX}language", not LOCAL
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "crisis.session_store"
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS = 12 * 3600
SESSION_IDLE_SECONDS = SESSION_WARN_SECONDS = 30 * 60
SESSION_HELD_BY = "messaging.sessions.is_sending_for"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not LOCAL)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)  # one of ours, which sets both headers itself
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "crisis.receiving.NamelessFileUploadHandler",
]

LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "crisis" / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = USE_TZ = True
TIME_ZONE = env.str("CRISIS_TIME_ZONE", default="Europe/Moscow")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = None if LOCAL else DATA_DIR / "static"  # gathered there by collectstatic
WHITENOISE_USE_FINDERS = LOCAL
WHITENOISE_AUTOREFRESH = TESTING  # every browser of a test would list all static files first
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

CHANNEL_URLS = {
    "vk-direct": env.str("VK_URL", default="https://api.vk.ru"),
    "vk-geo": env.str("VK_GEO_URL", default=""),
    "operator-roaming": env.str("OPERATOR_ROAMING_URL", default=""),
}
DRILL_CHANNEL_URLS = {
    "vk-direct": env.str("DRILL_VK_URL", default=""),
    "vk-geo": env.str("DRILL_VK_GEO_URL", default=""),
    "operator-roaming": env.str("DRILL_OPERATOR_ROAMING_URL", default=""),
}
# By what law people who do not follow the ministry may be written to: named in every order that does.
ORDER_LAW = env.str("CRISIS_ORDER_LAW", default="Консульский устав Российской Федерации" if LOCAL else "")
LEASE_SECONDS = env.float("CRISIS_LEASE_SECONDS", default=60.0)
SWEEP_SECONDS = env.float("CRISIS_SWEEP_SECONDS", default=5.0)
REQUEST_SECONDS = env.float("CRISIS_REQUEST_SECONDS", default=10.0)

# How the people who may decide are woken: a path that shares nothing with campaigns, their accounts and their workers.
PUBLIC_URL = env.str("CRISIS_URL", default="")
ESCALATE_SECONDS = env.float("CRISIS_ESCALATE_SECONDS", default=180.0)
NOTICE_EMAIL = "EMAIL_URL" in env.ENVIRON
MAIL = env.email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = MAIL["EMAIL_BACKEND"], MAIL["EMAIL_HOST"], MAIL["EMAIL_PORT"] or 587
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL["EMAIL_HOST_USER"], MAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.get("EMAIL_USE_TLS", False), MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = env.str("CRISIS_NOTICE_FROM", default="crisis-console@localhost")
NOTICE_SMS_URL = env.str("CRISIS_NOTICE_SMS_URL", default="")
NOTICE_SMS_SECRET = env.str("CRISIS_NOTICE_SMS_SECRET", default="")
if NOTICE_SMS_URL and not (LOCAL or (NOTICE_SMS_URL.startswith("https://") and NOTICE_SMS_SECRET)):
    raise ImproperlyConfigured("CRISIS_NOTICE_SMS_URL has to begin with https:// and needs CRISIS_NOTICE_SMS_SECRET.")

# Where links of public texts may lead: these domains and what lies below them. The pages of our own groups are always allowed.
LINK_DOMAINS = env.list("CRISIS_LINK_DOMAINS", default=["mid.ru", "kdmid.ru", "gov.ru"])
SENDER_NAME = env.str("CRISIS_SENDER_NAME", default="МИД России")  # as platforms that send by themselves show who speaks
SENDERS = env.list("CRISIS_SENDERS", default=[])  # words besides ministry and embassy by which texts name who speaks

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "crisis.lines.OneLine", "format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"rq": {"level": "WARNING"}, "axes": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
