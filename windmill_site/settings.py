"""Django settings. Everything that comes from outside is read in `windmill_site.environment` and typed there."""

import os
from pathlib import Path

from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

from windmill_site import database, environment, logging_config, secret_key

ROOT = Path(__file__).resolve().parent.parent
ENV = environment.load(os.environ)
DATA_DIR = ENV.data_dir

SECRET_KEY = ENV.secret_key or secret_key.kept_in(ENV.data_dir)
INSTANCE_KEY = ENV.instance_key or secret_key.kept_in(ENV.data_dir, "instance_key")
DEBUG = ENV.debug
ALLOWED_HOSTS = [*ENV.allowed_hosts, *environment.own_hosts(ENV)]
BASE_URL = ENV.base_url

INSTALLED_APPS = [
    "windmill_site",  # first, because its `crontab` command comes before django-crontab's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "django_q",
    "django_crontab",
    "workspaces",
    "vault",
    "workers",
    "scripts_app",
    "flows_app",
    "triggers",
    "apps_builder",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pages; random padding inside guards against BREACH
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "workspaces.middleware.PrincipalMiddleware",
]

ROOT_URLCONF = "windmill_site.urls"
ASGI_APPLICATION = "windmill_site.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workspaces.context.page",
            ],
        },
    },
]

DATABASE_URL = ENV.database_url or database.embedded_url(DATA_DIR)
DATABASE_DIRECT_URL = ENV.database_direct_url or DATABASE_URL
DATABASES = {"default": database.parse_url(DATABASE_URL).as_django()}
# Under ASGI a request gets a thread of its own, so kept connections would be lost with it: a pool halves a page's time.
DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 0, "max_size": 8, "timeout": 10}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "workspaces.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/user/login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "workspaces.error_pages.csrf_failure"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [("dist", ROOT / "static" / "dist")]
# Straight from where they were built: the names carry a hash and .gz and .br lie beside them.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_IMMUTABLE_FILE_TEST = r"/static/dist/.+-[0-9a-z]{8}\.\w+$"
SERVESTATIC_ALLOW_ALL_ORIGINS = False

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    # Geometry from data (split panes, bars) is inline style; nothing executable rides on it.
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-ancestors": [CSP.SELF],
    "base-uri": [CSP.SELF],
    "form-action": [CSP.SELF],
    "object-src": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

Q_CLUSTER = {
    "name": "windmill",
    "orm": "default",
    "workers": 1,
    "timeout": 120,
    "retry": 180,
    "max_attempts": 5,
    "poll": 2,
    "catch_up": False,
    "label": "Chores",
}

# Five fields, then the function. `up` hands them to the queue cluster, `manage.py crontab add` to the host's cron.
CRONJOBS = [
    ("7 * * * *", "windmill_site.chores.maintenance.forget_expired_tokens"),
    ("9 * * * *", "windmill_site.chores.maintenance.forget_expired_variables"),
    ("17 3 * * *", "windmill_site.chores.maintenance.forget_expired_sessions"),
    ("27 * * * *", "windmill_site.chores.maintenance.make_partitions"),
    ("37 * * * *", "windmill_site.chores.maintenance.forget_kept_results"),
    ("47 * * * *", "windmill_site.chores.maintenance.forget_idempotency_keys"),
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

LOGGING = logging_config.make(json=ENV.json_fmt, debug=ENV.debug)
TEST_RUNNER = "django.test.runner.DiscoverRunner"
