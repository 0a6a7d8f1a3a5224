"""How a start ends when the environment cannot be used: in processes, since settings are read once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
PRODUCTION = {
    "DEBUG": "false",
    "PUBLIC_URL": "https://connector.example.com",
    "SECRET_KEY": "kD9x" * 16,
    "FIELD_ENCRYPTION_KEYS": KEY,
}


def start(
    code: str = "import django; django.setup()", **environment: str
) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-c", code], environment)


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "manage.py", *arguments], environment)


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    settings = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "closeconnector.settings",
        **environment,
    }
    return subprocess.run(
        command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({**PRODUCTION, "SECRET_KEY": ""}, "SECRET_KEY is required when DEBUG is off."),
        ({**PRODUCTION, "FIELD_ENCRYPTION_KEYS": ""}, "FIELD_ENCRYPTION_KEYS is required when DEBUG is off."),
        (
            {"FIELD_ENCRYPTION_KEYS": f"{KEY},short"},
            "FIELD_ENCRYPTION_KEYS must be a comma list of Fernet keys",
        ),
        ({"DEBUG": "perhaps"}, "DEBUG must be true or false."),
        ({"PUBLIC_URL": "connector.example.com"}, "PUBLIC_URL must be a URL that starts with"),
        ({"DATABASE_URL": "postgres://me:s3cret@db:port/name"}, "DATABASE_URL must look like"),
        ({"DATABASE_URL": "mysql://me:s3cret@db/name"}, "DATABASE_URL must look like"),
        ({"CELERY_BROKER_URL": "filesystem:///s3cret"}, "CELERY_BROKER_URL must be a URL"),
        ({"CACHE_URL": "memcached://s3cret"}, "CACHE_URL must be a URL"),
        ({"LOG_LEVEL": "CHATTY"}, "LOG_LEVEL must be one of DEBUG, INFO,"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be one of console, json."),
        ({"SECRET_KEY_FILE": "/nonexistent"}, "SECRET_KEY_FILE names a file that cannot be read"),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_one_line(environment: dict[str, str], line: str) -> None:
    started = manage("check", **environment)

    assert started.returncode == 2
    assert started.stderr.startswith(line)
    assert started.stderr.count("\n") == 1
    assert "s3cret" not in started.stderr


@pytest.mark.parametrize("port", ["http", "0"])
def test_a_malformed_port_stops_serve(port: str) -> None:
    started = manage("serve", PORT=port)

    assert (started.returncode, started.stderr) == (2, "PORT must be a whole number from 1 to 65535.\n")


def test_production_settings_are_those_of_a_public_server() -> None:
    code = (
        "from closeconnector import settings as s\n"
        "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS > 0, s.LOG_FORMAT,"
        " s.CSRF_TRUSTED_ORIGINS, s.ALLOWED_HOSTS[-1])"
    )

    started = start(code, **PRODUCTION)

    assert started.stdout.split() == [
        *("False", "True", "True", "True", "json"),
        *("['https://connector.example.com']", "connector.example.com"),
    ]


def test_a_malformed_value_stops_the_worker_too() -> None:
    started = _run([sys.executable, "-m", "celery", "-A", "closeconnector", "report"], {"DEBUG": "perhaps"})

    assert started.returncode == 2
    assert started.stderr == "DEBUG must be true or false.\n"


def test_every_variable_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "closeconnector").rglob("*.py")]
    read = {name for source in sources for name in re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source)}

    documented = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert read == documented
