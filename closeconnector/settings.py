"""Settings, read from the environment. With nothing set they are those of a development machine.

`.env.example` lists every variable. A value that cannot be used stops the start with one line.
"""

from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab
from cryptography.fernet import Fernet
from django.templatetags.static import static

from closeconnector import backends, env, keyfile, logs

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

# ── Who we are, and where ────────────────────────────────────────────────────────────────────────

DEBUG = env.flag("DEBUG", default=True)
PUBLIC_URL = env.url("PUBLIC_URL", schemes=("https", "http"))
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
if PUBLIC_URL and (public_host := urlsplit(PUBLIC_URL).hostname) not in ALLOWED_HOSTS:
    ALLOWED_HOSTS.append(str(public_host))
# Where the web server of `serve` is reached from the machine itself, as the remotes of sandbox connectors do.
OWN_URL = PUBLIC_URL or f"http://127.0.0.1:{env.number('PORT', 8000, minimum=1, maximum=65535)}"
ALLOW_INSECURE_REMOTES = env.flag("ALLOW_INSECURE_REMOTES", default=False)

ROOT_URLCONF = "closeconnector.urls"
WSGI_APPLICATION = "closeconnector.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
LOCALE_PATHS = [BASE_DIR / "locale"]  # a translation goes here; see docs/architecture.md
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # static files are served from the packages: nothing to collect

# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────

DEVELOPMENT_SECRET_KEY = "development-only-and-public-set-SECRET_KEY-in-production"
SECRET_KEY = env.text("SECRET_KEY", DEVELOPMENT_SECRET_KEY if DEBUG else "")
if not SECRET_KEY:
    env.refuse("SECRET_KEY", "is required when DEBUG is off.")

FIELD_ENCRYPTION_KEYS = env.items("FIELD_ENCRYPTION_KEYS")
if not FIELD_ENCRYPTION_KEYS and not DEBUG:
    env.refuse("FIELD_ENCRYPTION_KEYS", "is required when DEBUG is off.")
try:
    VAR_DIR.mkdir(exist_ok=True)
    FIELD_ENCRYPTION_KEYS = FIELD_ENCRYPTION_KEYS or keyfile.read_or_create(VAR_DIR / "field_encryption_keys")
    [Fernet(key) for key in FIELD_ENCRYPTION_KEYS]
except OSError as error:
    env.refuse("FIELD_ENCRYPTION_KEYS", f"is not set and {VAR_DIR} cannot be used: {error.strerror}.")
except ValueError:
    env.refuse(
        "FIELD_ENCRYPTION_KEYS", "must be a comma list of Fernet keys: 32 bytes in URL-safe base64 each."
    )

# ── Backends ─────────────────────────────────────────────────────────────────────────────────────

try:
    DATABASES = {
        "default": backends.database(env.text("DATABASE_URL"), sqlite_file=VAR_DIR / "closeconnector.sqlite3")
    }
except ValueError:
    env.refuse(
        "DATABASE_URL", "must look like postgres://user:password@host:5432/name or sqlite:////path/to/file."
    )

CACHES = {
    "default": backends.cache(
        env.url("CACHE_URL", "database://", schemes=backends.CACHE_SCHEMES, needs_host=False)
    )
}

CELERY_BROKER_URL = env.url(
    "CELERY_BROKER_URL", "database://", schemes=backends.BROKER_SCHEMES, needs_host=False
)
CELERY_BROKER_TRANSPORT_OPTIONS = backends.broker_options(CELERY_BROKER_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are no results to clean up
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULER = "closeconnector.beat:GuardedScheduler"
CELERY_BEAT_SCHEDULE = {
    "Watch the connectors": {
        "task": "sync.tasks.watch_connectors",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "Prune history": {"task": "sync.tasks.prune_history", "schedule": crontab(hour=3, minute=17)},
}
DJANGO_CELERY_BEAT_TZ_AWARE = True

# ── E-mail: of alerts, and of invitations ────────────────────────────────────────────────────────

EMAIL_URL = env.url("EMAIL_URL", schemes=backends.EMAIL_SCHEMES)
for name, value in backends.email(EMAIL_URL, is_development=DEBUG).items():
    globals()[name] = value
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", "close-connector@localhost")
EMAIL_TIMEOUT = 10

# ── Parts ────────────────────────────────────────────────────────────────────────────────────────

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "simple_history",
    "axes",
    "closeconnector",
    "accounts",
    "sync",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "closeconnector.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "closeconnector.timezones.ViewersTimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",  # last: turns a locked login into 429
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ── Signing in ───────────────────────────────────────────────────────────────────────────────────

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False  # `manage.py axes_reset` lets somebody in before the time is over

# ── Transport security: follows PUBLIC_URL ───────────────────────────────────────────────────────

TLS = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TLS else None
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))] if PUBLIC_URL else []
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains is for the owner of the domain to decide
    "security.W021",  # and so is its preloading
]

# ── REST ─────────────────────────────────────────────────────────────────────────────────────────

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasPrincipal"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Close Connector",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# ── Admin ────────────────────────────────────────────────────────────────────────────────────────

UNFOLD = {
    "SITE_TITLE": "Close Connector",
    "SITE_HEADER": "Close Connector",
    "SITE_SYMBOL": "sync_alt",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}
    ],
    "SCRIPTS": [lambda request: static("closeconnector/admin.js")],
    "STYLES": [lambda request: static("closeconnector/admin.css")],
    # As the theme has them, except that 500 is its 400: links on a dark page need more contrast.
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .014 308.299)",
            "100": "oklch(94.6% .033 307.174)",
            "200": "oklch(90.2% .063 306.703)",
            "300": "oklch(82.7% .119 306.383)",
            "400": "oklch(71.4% .203 305.504)",
            "500": "oklch(71.4% .203 305.504)",
            "600": "oklch(55.8% .288 302.321)",
            "700": "oklch(49.6% .265 301.924)",
            "800": "oklch(43.8% .218 303.724)",
            "900": "oklch(38.1% .176 304.987)",
            "950": "oklch(29.1% .149 302.717)",
        }
    },
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "sync.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "sync.admin.navigation.navigation"},
}

# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = env.choice("LOG_FORMAT", "console" if DEBUG else "json", ("console", "json"))
LOGGING = logs.logging_settings(LOG_LEVEL, LOG_FORMAT)
logs.configure_structlog()
