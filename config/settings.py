"""All settings, from the environment.

FEMFEM_ENV says what kind of machine this is:
- ``production`` (the default): every secret must be given, or nothing starts;
- ``demo``: `make run`, on SQLite and the file system, with secrets that are none;
- ``test``: the suite.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

ROOT = Path(__file__).resolve().parent.parent
env = environ.Env()

ENV = env.str("FEMFEM_ENV", "production")
if ENV not in ("production", "demo", "test"):
    raise ImproperlyConfigured(f"FEMFEM_ENV is “{ENV}”; it can be production, demo or test.")
PRODUCTION = ENV == "production"
VAR = Path(env.str("FEMFEM_VAR", str(ROOT / "var")))


def secret(name: str, stand_in: str) -> str:
    """The secret from the environment; outside production a stand-in, so that trying it out needs no set-up."""
    return str(env.str(name) if PRODUCTION else env.str(name, stand_in))


# Who we are on the network
SECRET_KEY = secret("SECRET_KEY", "not secret: demo and tests only, never production 0123456789")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS") if PRODUCTION else ["*"]
PUBLIC_URL = (env.str("PUBLIC_URL") if PRODUCTION else env.str("PUBLIC_URL", "http://127.0.0.1:8000")).rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",  # its look-ups by trigrams; on SQLite it lies idle
    "django.contrib.staticfiles",
    "django.forms",
    "simple_history",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "organisation",
    "documents",
    "products",
    "inhouse",
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
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "organisation.middleware.DenyByDefault",
    "organisation.middleware.LockedOut",
    "organisation.middleware.ActingUser",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "inhouse.context.frame",
            ],
        },
    },
]

# Database: PostgreSQL is the system of record, SQLite for trying it out
SQLITE = f"sqlite:///{VAR}/femfem.sqlite3"
DATABASES = {"default": env.db_url("DATABASE_URL") if PRODUCTION else env.db_url("DATABASE_URL", SQLITE)}
DATABASES["default"]["ENGINE"] = DATABASES["default"]["ENGINE"].replace("django.db.backends", "organisation.database")
DATABASES["default"]["ATOMIC_REQUESTS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON;",
    }
    # The tests have a file of their own, as in life; without a DATABASE_URL they run in memory.
    DATABASES["default"]["TEST"] = {
        "NAME": f"{DATABASES['default']['NAME']}.test" if "DATABASE_URL" in env else ":memory:"
    }
else:
    age = 0 if ENV == "test" else 60  # seconds; tests drop their database at the end
    DATABASES["default"].setdefault("CONN_MAX_AGE", age)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People
AUTH_USER_MODEL = "organisation.User"
LOGIN_URL = "organisation:login"
LOGIN_REDIRECT_URL = "inhouse:home"
LOGOUT_REDIRECT_URL = "organisation:login"
SESSION_COOKIE_AGE = 12 * 3600  # seconds: one working day
SESSION_COOKIE_NAME = "femfem_session"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if ENV == "demo":
    PASSWORD_HASHERS[0] = "organisation.passwords.PrintedBesideTheAccounts"
if ENV == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick: the suite signs in a thousand times
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Second factors and single sign-on, by django-allauth. Its own limits of attempts are off: they need a cache that all
# processes share; `organisation.lockout` counts in the database.
SECOND_FACTOR_KEYS = secret("SECOND_FACTOR_KEYS", "ZGVtbyBhbmQgdGVzdHMgb25seSwgMzIgYnl0ZXMhISE=")
ACCOUNT_ADAPTER = "organisation.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "organisation.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_TOLERANCE = 1  # a code is right for 30 seconds, and one such time before and after
if ENV == "demo":
    MFA_TOTP_TOLERANCE = 10  # each counts once, and whoever tries it out is quick
MFA_RATE_LIMITS = False
SOCIALACCOUNT_ADAPTER = "organisation.adapters.SignOnAdapter"
OIDC_ISSUER = env.str("OIDC_ISSUER", "").rstrip("/")  # empty: no single sign-on
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID") if OIDC_ISSUER else ""
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET") if OIDC_ISSUER else ""
OIDC_NAME = env.str("OIDC_NAME", "")  # what people call it; it stands on the button
OIDC_EMAIL_IS_VERIFIED = (
    env.str("OIDC_EMAIL_IS_VERIFIED", "") == "true"
)  # for a directory that gives the addresses itself

# Patient identity: keys live outside the database. "id:base64 of 32 bytes", comma-separated; the first one encrypts,
# all decrypt. Demo and tests take only the authorities' synthetic numbers, production none of them.
PATIENT_KEYS = secret("PATIENT_KEYS", "1:ZGVtbyBhbmQgdGVzdHMgb25seSwgMzIgYnl0ZXMhISE=")
PATIENT_INDEX_KEY = secret("PATIENT_INDEX_KEY", "ZGVtbyBhbmQgdGVzdHMgb25seTogaW5kZXgga2V5ISE=")
SYNTHETIC_PATIENTS = not PRODUCTION

# The seal: the institution's key and certificate as PKCS#12, and as PEM whom to trust when a seal is checked. Demo and
# tests make their own when they first need one. A time-stamping authority (RFC 3161) is a choice; TSA_TRUST names whom
# to trust for it.
DEMO_SEAL = None if PRODUCTION else VAR / "seal"
SEAL_KEYSTORE = secret("SEAL_KEYSTORE", str(VAR / "seal" / "seal.p12"))
SEAL_PASSPHRASE = secret("SEAL_PASSPHRASE", "not secret: demo and tests only")
SEAL_TRUST = secret("SEAL_TRUST", str(VAR / "seal" / "authority.pem"))
TSA_URL = env.str("TSA_URL", "")
TSA_TRUST = env.str("TSA_TRUST") if TSA_URL else env.str("TSA_TRUST", "")
TSA_TIMEOUT = env.int("TSA_TIMEOUT", 15)  # seconds for the whole answer
# The public register is a log; what it holds is signed with this key (Ed25519, base64 of 32 bytes) under this name, which
# stays the same as long as the register does
REGISTER_KEY = secret("REGISTER_KEY", "ZGVtbyBhbmQgdGVzdHMgb25seTogbG9nIHNpZ25zISE=")
REGISTER_ORIGIN = env.str("REGISTER_ORIGIN", "") or f"{urlsplit(PUBLIC_URL).netloc}/femfem"

# History is written by the database; simple-history reads it
SIMPLE_HISTORY_ENABLED = False
CLOCK_MAY_BE_SET = not PRODUCTION
CLOCK_SHIFT = env.str("FEMFEM_CLOCK", "")  # a file with the seconds that every process adds to the real clock
MINUTE = env.float("FEMFEM_MINUTE", 60.0)  # seconds of a minute of the schedule of reminders
if (PRODUCTION and CLOCK_SHIFT) or (ENV != "test" and MINUTE != 60):
    raise ImproperlyConfigured("FEMFEM_CLOCK is for demo and tests only, FEMFEM_MINUTE for tests.")

# Seals of the history: signed with a key, and noted in a file, that whoever owns the database does not have. The key is
# the base64 of 32 random bytes; a former one still counts by its public half (in hexadecimal, as each seal names it).
SEALS_KEY = secret("SEALS_KEY", "ZGVtbyBhbmQgdGVzdHMgb25seTogc2VhbHMsIDMyYiE=")
SEALS_FORMER_KEYS = env.list("SEALS_FORMER_KEYS", default=[])
SEALS_LOG = Path(env.str("SEALS_LOG", str(VAR / "seals.log")))

# Background work
REDIS_URL = env.str("REDIS_URL") if PRODUCTION else env.str("REDIS_URL", "")
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
else:
    CELERY_BROKER_URL = "filesystem://"
    (VAR / "broker").mkdir(parents=True, exist_ok=True)  # kombu does not make it
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(VAR / "broker"),
        "data_folder_out": str(VAR / "broker"),
        "control_folder": str(VAR / "broker-control"),
        "polling_interval": 0.25,  # seconds until waiting work is seen
    }
CELERY_TIMEZONE = env.str("TIME_ZONE", "Europe/Stockholm")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600  # seconds, below the broker's visibility timeout of one hour
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat")
CELERY_BEAT_SYNC_EVERY = 1  # writes the file at each tick: its age is beat's health
CELERY_BEAT_SCHEDULE = {
    "watch-history": {"task": "organisation.tasks.watch_history", "schedule": 3600.0},  # seconds
    "fetch-timestamps": {"task": "documents.tasks.fetch_timestamps", "schedule": 300.0},
    "seal-history": {"task": "documents.tasks.seal_history", "schedule": 300.0},
    "check-history": {"task": "documents.tasks.check_history", "schedule": 24 * 3600.0},
    "sweep-uploads": {"task": "documents.tasks.sweep_uploads", "schedule": 3600.0},
    "read-waiting": {"task": "inhouse.tasks.read_waiting", "schedule": 600.0},
    "sweep-deadlines": {"task": "inhouse.tasks.sweep_deadlines", "schedule": 15 * MINUTE},
    "send-reminders": {"task": "inhouse.tasks.send_reminders", "schedule": MINUTE},
    "compare-deadlines": {"task": "inhouse.tasks.compare_deadlines", "schedule": crontab(hour=3, minute=10)},
    "finish-disposals": {"task": "inhouse.tasks.finish_disposals", "schedule": 600.0},
    "verify-files": {"task": "documents.tasks.verify_files", "schedule": 3600.0},
    "order-exit-copy": {"task": "inhouse.tasks.order_exit_copy", "schedule": 24 * 3600.0},
    "make-exit-copies": {"task": "inhouse.tasks.make_exit_copies", "schedule": 600.0},
    "tell-alarms": {"task": "organisation.tasks.tell_alarms", "schedule": crontab(hour=7, minute=15)},
    "clear-sessions": {"task": "organisation.tasks.clear_sessions", "schedule": 24 * 3600.0},
}

# Files
MEDIA_ROOT = Path(env.str("MEDIA_ROOT") if PRODUCTION else env.str("MEDIA_ROOT", str(VAR / "media")))
FILES_VERIFIED_WITHIN = env.int("FILES_VERIFIED_WITHIN", 30)  # days, in which every file is compared with its hash
EXIT_COPY_ROOT = Path(env.str("EXIT_COPY_ROOT", str(VAR / "exit-copies")))  # each as large as all files together
UPLOAD_LIMIT = env.int("UPLOAD_LIMIT", 50 * 1024 * 1024)  # bytes
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(VAR / "static")))  # filled by collectstatic
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = ENV == "test"  # the suite serves the source; everything else what was collected
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if ENV != "test"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Backups: after how many days without one operators are told; 0 where others watch over it
BACKUP_ALARM_DAYS = env.int("BACKUP_ALARM_DAYS", 2 if PRODUCTION else 0)

# Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("sv", _("Swedish")), ("nb", _("Norwegian Bokmål")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "femfem_language"
LOCALE_PATHS = [ROOT / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
USE_THOUSAND_SEPARATOR = True  # on pages; in an address or attribute a template writes |stringformat:"d"
TIME_ZONE = env.str("TIME_ZONE", "Europe/Stockholm")
USE_TZ = True
USE_I18N = True

# Mail
EMAIL_CONFIG = env.email_url("EMAIL_URL") if PRODUCTION else env.email_url("EMAIL_URL", "consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 20)  # seconds for each answer of the server
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "femfem@localhost")

# Security: scripts and styles are files of our own, nothing inline
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the design system draws its icons as data images
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = ["^healthz$"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"discreet": {"()": "config.discreet.Discreet"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["discreet"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "fontTools": {"level": "ERROR"},
        "pyhanko": {"level": "CRITICAL"},  # it tells of every faulty file; what matters comes back to who asked
        "pyhanko_certvalidator": {"level": "CRITICAL"},
        "weasyprint": {"level": "ERROR"},
    },
}
