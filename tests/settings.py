"""The project's settings, made quick and free of what the machine has set."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from closeconnector.settings import *  # noqa: F403 - this module is the settings with a few replaced

FIELD_ENCRYPTION_KEYS = ["dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="]
SECRET_KEY = "tests-only-" * 6
ALLOW_INSECURE_REMOTES = True
PUBLIC_URL = ""
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one takes 0.1 s a login
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# A file, not memory: threads and other processes of a test open it too. One directory per test process.
SCRATCH = Path(tempfile.mkdtemp(prefix="close-connector-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    DATABASES["default"]["NAME"] = SCRATCH / "unused.sqlite3"  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}  # noqa: F405
else:
    DATABASES["default"]["TEST"] = {"NAME": f"test_close_connector_{os.getpid()}"}  # noqa: F405

# Journeys over real processes share a broker with them: WORLD=processes, see tests/journeys/conftest.py.
if os.environ.get("WORLD") == "processes":
    CELERY_BROKER_URL = os.environ.get("TEST_BROKER_URL", "redis://127.0.0.1:6379/14")
    CELERY_BROKER_TRANSPORT_OPTIONS = backends.broker_options(CELERY_BROKER_URL)  # noqa: F405
