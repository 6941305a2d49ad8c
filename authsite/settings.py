"""Every setting, read top to bottom. Each comes from the environment and has a working default; see `.env.example`."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from authsite import env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
# The owner's only, as the database and the key in it are.
VAR_DIR.mkdir(mode=0o700, exist_ok=True)

# Environment
env.read_file(BASE_DIR / ".env")
SETTINGS_READ = env.readings  # Filled in as this file is read; `show_config` tells of it.
DEBUG = env.flag("DEBUG")
REQUIRE_TLS = env.flag("REQUIRE_TLS")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, most=65_535)
WORKERS = env.number("WORKERS", 2, least=1)
# Passwords hashed, and calls to providers, at a time in each worker. Threads are made when there is work; most of them
# may wait for a hash, and two never wait for either. Together the workers stay below the hundred connections that
# PostgreSQL allows by default.
HASHING_SLOTS = env.number("HASHING_SLOTS", max(1, (os.cpu_count() or 1) // WORKERS), least=1)
OAUTH_PROVIDERS_CALLS_AT_ONCE = env.number("OAUTH_CALLS_AT_ONCE", 8, least=1)
_never_queued = HASHING_SLOTS + OAUTH_PROVIDERS_CALLS_AT_ONCE + 2
BLOCKING_THREADS = env.number("BLOCKING_THREADS", _never_queued + max(2, 64 // WORKERS), least=1)
# Only a server has so few threads that waiting could take the last one: wsgi.py sets this.
HASHING_QUEUE = max(0, BLOCKING_THREADS - _never_queued) if env.flag("IS_SERVING") else 10_000
# What people and clients call this server; every address we write is made of it, never of a request's Host.
PUBLIC_URL = env.address(
    "PUBLIC_URL",
    f"http://{HOST if HOST not in env.EVERYWHERE else '127.0.0.1'}:{PORT}",
    schemes=("http", "https"),
).rstrip("/")

# Security
SECRET_KEY, SECRET_KEY_IS_GENERATED = env.secret("SECRET_KEY", VAR_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
KEY_ENCRYPTION_KEY = env.text("KEY_ENCRYPTION_KEY")
_hosts = dict.fromkeys(["localhost", "127.0.0.1", "[::1]", *filter(None, [urlsplit(PUBLIC_URL).hostname])])
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", list(_hosts))
if REQUIRE_TLS and (SECRET_KEY_IS_GENERATED or len(SECRET_KEY) < 50):
    raise ImproperlyConfigured("REQUIRE_TLS=1 needs a SECRET_KEY of your own: 50 random characters or more.")
if REQUIRE_TLS and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("REQUIRE_TLS=1 needs ALLOWED_HOSTS to name the hosts; * lets any Host header in.")
if REQUIRE_TLS and DEBUG:
    raise ImproperlyConfigured("REQUIRE_TLS=1 and DEBUG=1 exclude each other: DEBUG shows settings and code.")
# Networks whose X-Forwarded-For and X-Forwarded-Proto are believed; none by default.
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # accounts.middleware removes it unless a proxy sent it.
SECURE_SSL_REDIRECT = REQUIRE_TLS
# People's pages are redirected. An API call over plain HTTP has already sent its secret: it is refused.
SECURE_REDIRECT_EXEMPT = [r"^(?!(admin|docs|static|media)(/|$)|$)"]
SECURE_HSTS_SECONDS = 31_536_000 if REQUIRE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = REQUIRE_TLS
SECURE_HSTS_PRELOAD = REQUIRE_TLS
SECURE_REFERRER_POLICY = "no-referrer"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = REQUIRE_TLS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "accounts.dialects.refusals.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = bool(CORS_ALLOWED_ORIGINS)
if not CORS_ALLOWED_ORIGINS and not REQUIRE_TLS and HOST in ("127.0.0.1", "localhost", "::1"):
    # A front end on a developer's machine is let in, without credentials, while nobody else can reach this server.
    CORS_ALLOWED_ORIGIN_REGEXES = [r"^https?://(localhost|127\.0\.0\.1)(:\d+)?$"]
CORS_ALLOW_HEADERS = ["accept-language", "authorization", "cache-control", "content-type", "browser", "x-app-token"]
CORS_ALLOW_METHODS = ["GET", "POST", "PATCH", "DELETE"]
CORS_EXPOSE_HEADERS = ["Link", "Retry-After", "X-Request-ID"]

# Apps
INSTALLED_APPS = [
    "accounts",
    "tokens",
    "profiles",
    "oauth_providers",
    "accounts.apps.StaffSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
AUTH_USER_MODEL = "accounts.User"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["accounts.backends.AccountBackend"]
ROOT_URLCONF = "authsite.urls"
WSGI_APPLICATION = "authsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False  # Every path answers with and without a slash; a redirect would drop a POST's body.
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

# Middleware
MIDDLEWARE = [
    "accounts.middleware.RequestLog",
    "accounts.middleware.TrustedProxies",
    # What says how an answer may be used stands outside of whatever may answer.
    "accounts.middleware.NotKept",
    "accounts.middleware.ContentPolicy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.middleware.AcceptLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.RequestLimits",
    "accounts.middleware.Refusals",
]
# One limit for JSON, forms and the fields of a multipart body; a view that takes files names its own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# Database
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = env.number("CONN_MAX_AGE", 60)
_database["CONN_HEALTH_CHECKS"] = True
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # FULL: what was answered survives a power cut. IMMEDIATE: a writer waits at BEGIN instead of failing half-way.
    _options["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    _options["transaction_mode"] = "IMMEDIATE"
    _options["timeout"] = 20
    # Tests run on a file: in memory there is no WAL, and threads would not race.
    _database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    # A request may not hold the database for longer; commands and migrations may.
    _timeout = env.number("STATEMENT_TIMEOUT_SECONDS", 5 if env.flag("IS_SERVING") else 0) * 1000
    _options["connect_timeout"] = 3
    # None refuses to prepare any. The statements that are asked with every request ask for it themselves.
    _options["prepare_threshold"] = 2**31 if env.flag("PREPARED_STATEMENTS", True) else None
    _options["options"] = f"-c statement_timeout={_timeout} -c lock_timeout={min(_timeout, 3000)}"

# Cache
REDIS_URL = env.address("REDIS_URL", schemes=("redis", "rediss", "unix"))
CACHES: dict[str, dict[str, object]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.5, "SOCKET_TIMEOUT": 0.5},
        "KEY_PREFIX": env.text("REDIS_PREFIX", "authsite:"),
    }

# Passwords
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2Hasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
# These bind the policy `strict`, and the admin's own forms.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": env.number("PASSWORD_MIN_LENGTH", 8, least=1)},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Languages
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", ("en", "ru"))
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# Files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "authsite" / "static"]
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
# Found where the apps keep them, so that nothing has to be collected first; a proxy can serve what is collected.
WHITENOISE_USE_FINDERS = True
MEDIA_URL = "/media/"
MEDIA_ROOT = env.text("MEDIA_ROOT", str(VAR_DIR / "media"))
STORAGES = {
    # Any storage of Django's kind; one that has addresses of its own serves the avatars itself.
    "default": {
        "BACKEND": env.text("MEDIA_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.mapping("MEDIA_STORAGE_OPTIONS"),
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": [
        "accounts.dialects.parsers.StrictJSONParser",
        "accounts.dialects.parsers.StrictFormParser",
        "accounts.dialects.parsers.StrictMultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.dialects.parsers.JSONAlways",
    "DEFAULT_SCHEMA_CLASS": "accounts.schema.DialectSchema",
    "URL_FORMAT_OVERRIDE": None,
    "FORMAT_SUFFIX_KWARG": None,
    "UNAUTHENTICATED_USER": None,
    "COMPACT_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "authsite",
    "DESCRIPTION": "One set of accounts and one ledger of tokens behind four published REST APIs.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["accounts.schema.without_twins"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Logging
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")).upper()
LOG_FORMAT = env.choice("LOG_FORMAT", "json", ("json", "console"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "authsite.logs.JSONLines"}, "console": {"()": "authsite.logs.ConsoleLines"}},
    "filters": {"said_elsewhere": {"()": "authsite.logs.SaidElsewhere"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["said_elsewhere"]},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Its words about a refusal are the path; `accounts.requests` has said it.
        "django.request": {"level": "ERROR"},
        # At DEBUG these would write statements with their values, and addresses with their queries.
        "django.db.backends": {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL},
        "urllib3": {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL},
        # It warns of every HEAD: Django writes the body all the same, and gunicorn leaves it out.
        "gunicorn.http.wsgi": {"level": "ERROR"},
    },
}

# ACCOUNTS_*
ACCOUNTS_PASSWORD_POLICY = env.choice("PASSWORD_POLICY", "contract", ("contract", "strict"))
ACCOUNTS_PHONE_REGION = env.text("PHONE_REGION", "RU").upper()
ACCOUNTS_REFUSE_SECRETS_IN_QUERY = env.flag("REFUSE_SECRETS_IN_QUERY")
ACCOUNTS_RATE_LIMITS = env.choice("RATE_LIMITS", "on", ("on", "off")) == "on"
ACCOUNTS_FAILURES_PER_ACCOUNT = env.number("FAILURES_PER_ACCOUNT", 9, least=1)
ACCOUNTS_LOCKOUT_SECONDS = env.number("LOCKOUT_SECONDS", 30, least=1)
ACCOUNTS_LOCKOUT_MAX_SECONDS = env.number("LOCKOUT_MAX_SECONDS", 900, least=1)
ACCOUNTS_LOCKOUT_FORGET_SECONDS = env.number("LOCKOUT_FORGET_SECONDS", 3_600, least=1)
ACCOUNTS_FAILURE_WINDOW_SECONDS = env.number("FAILURE_WINDOW_SECONDS", 600, least=1)
ACCOUNTS_FAILURES_PER_IP = env.number("FAILURES_PER_IP", 300, least=1)
ACCOUNTS_FAILURES_OF_EVERYBODY = env.number("FAILURES_OF_EVERYBODY", 10_000, least=1)
ACCOUNTS_TOKEN_FAILURES_PER_IP = env.number("TOKEN_FAILURES_PER_IP", 3_000, least=1)
ACCOUNTS_REGISTRATIONS_PER_IP = env.number("REGISTRATIONS_PER_IP", 1_000, least=1)
ACCOUNTS_REGISTRATIONS_PER_HOUR = env.number("REGISTRATIONS_PER_HOUR", 20_000, least=1)
ACCOUNTS_REDIS_URL = REDIS_URL
ACCOUNTS_REDIS_PREFIX = env.text("REDIS_PREFIX", "authsite:")
ACCOUNTS_STAFF_NETWORKS = env.words("STAFF_NETWORKS")
ACCOUNTS_EVENT_DAYS = env.number("EVENT_DAYS", 400, least=1)
ACCOUNTS_ARGON2_MEMORY_KIB = env.number("ARGON2_MEMORY_KIB", 19_456, least=8)
ACCOUNTS_ARGON2_TIME_COST = env.number("ARGON2_TIME_COST", 2, least=1)
ACCOUNTS_HASHING_SLOTS = HASHING_SLOTS
ACCOUNTS_HASHING_QUEUE = HASHING_QUEUE
ACCOUNTS_ARGON2_PARALLELISM = env.number("ARGON2_PARALLELISM", 1, least=1)

# TOKENS_*
TOKENS_OPAQUE_SECONDS = env.number("OPAQUE_TOKEN_SECONDS", 30 * 86_400, least=1)
TOKENS_GONCORD_SECONDS = env.number("GONCORD_TOKEN_SECONDS", 14 * 86_400, least=1)
TOKENS_ACCESS_SECONDS = env.number("ACCESS_TOKEN_SECONDS", 3_600, least=1)
TOKENS_REFRESH_SECONDS = env.number("REFRESH_TOKEN_SECONDS", 3 * 3_600, least=0)

# PROFILES_*
PROFILES_DIRECTORY_NEEDS_TOKEN = env.flag("DIRECTORY_NEEDS_TOKEN")
PROFILES_DIRECTORY_SHOWS_EMAILS = env.flag("DIRECTORY_SHOWS_EMAILS", True)
PROFILES_CARD_CACHE_BYTES = env.number("CARD_CACHE_BYTES", 33_554_432)

# OAUTH_*: a provider without a client id is off; an empty address is the provider's own (oauth_providers/conf.py)
OAUTH_VK_CLIENT_ID = env.text("OAUTH_VK_CLIENT_ID")
OAUTH_VK_CLIENT_SECRET = env.text("OAUTH_VK_CLIENT_SECRET")
OAUTH_VK_REDIRECT_URI = env.text("OAUTH_VK_REDIRECT_URI")
OAUTH_VK_AUTHORIZE_URL = env.text("OAUTH_VK_AUTHORIZE_URL")
OAUTH_VK_TOKEN_URL = env.text("OAUTH_VK_TOKEN_URL")
OAUTH_VK_USERINFO_URL = env.text("OAUTH_VK_USERINFO_URL")
OAUTH_VK_FRONTEND_URL = env.text("OAUTH_VK_FRONTEND_URL")
OAUTH_MAILRU_CLIENT_ID = env.text("OAUTH_MAILRU_CLIENT_ID")
OAUTH_MAILRU_CLIENT_SECRET = env.text("OAUTH_MAILRU_CLIENT_SECRET")
OAUTH_MAILRU_REDIRECT_URI = env.text("OAUTH_MAILRU_REDIRECT_URI")
OAUTH_MAILRU_AUTHORIZE_URL = env.text("OAUTH_MAILRU_AUTHORIZE_URL")
OAUTH_MAILRU_TOKEN_URL = env.text("OAUTH_MAILRU_TOKEN_URL")
OAUTH_MAILRU_USERINFO_URL = env.text("OAUTH_MAILRU_USERINFO_URL")
OAUTH_MAILRU_FRONTEND_URL = env.text("OAUTH_MAILRU_FRONTEND_URL")
OAUTH_MAILRU_STATELESS_CODES = env.flag("OAUTH_MAILRU_STATELESS_CODES")
OAUTH_YANDEX_CLIENT_ID = env.text("OAUTH_YANDEX_CLIENT_ID")
OAUTH_YANDEX_CLIENT_SECRET = env.text("OAUTH_YANDEX_CLIENT_SECRET")
OAUTH_YANDEX_REDIRECT_URI = env.text("OAUTH_YANDEX_REDIRECT_URI")
OAUTH_YANDEX_AUTHORIZE_URL = env.text("OAUTH_YANDEX_AUTHORIZE_URL")
OAUTH_YANDEX_TOKEN_URL = env.text("OAUTH_YANDEX_TOKEN_URL")
OAUTH_YANDEX_USERINFO_URL = env.text("OAUTH_YANDEX_USERINFO_URL")
OAUTH_YANDEX_FRONTEND_URL = env.text("OAUTH_YANDEX_FRONTEND_URL")
OAUTH_YANDEX_STATELESS_CODES = env.flag("OAUTH_YANDEX_STATELESS_CODES")
