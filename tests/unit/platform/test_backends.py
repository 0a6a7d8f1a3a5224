"""What a URL in the environment means."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from closeconnector import backends, keyfile

FILE = Path("/srv/var/closeconnector.sqlite3")


def test_without_a_url_the_database_is_the_sqlite_file() -> None:
    settings = backends.database("", sqlite_file=FILE)

    assert settings["NAME"] == FILE
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in settings["OPTIONS"]["init_command"]


def test_another_sqlite_file_is_opened_the_same_way() -> None:
    settings = backends.database("sqlite:////srv/other.sqlite3", sqlite_file=FILE)

    assert settings["NAME"] == "/srv/other.sqlite3"
    assert settings["OPTIONS"] == backends.SQLITE_OPTIONS


def test_postgres() -> None:
    settings = backends.database("postgres://me:s3cret@db:5433/connector", sqlite_file=FILE)

    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db", 5433, "connector")
    assert settings["CONN_HEALTH_CHECKS"]


@pytest.mark.parametrize(
    "url", ["postgres://db:5432/", "postgres://db:port/name", "oracle9://db/name", "just text", "sqlite://"]
)
def test_a_url_that_names_no_database(url: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        backends.database(url, sqlite_file=FILE)


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("database://", "django.core.cache.backends.db.DatabaseCache"),
        ("locmem://", "django.core.cache.backends.locmem.LocMemCache"),
        ("redis://127.0.0.1:6379/1", "django.core.cache.backends.redis.RedisCache"),
        ("unix:///run/redis.sock", "django.core.cache.backends.redis.RedisCache"),
    ],
)
def test_cache(url: str, backend: str) -> None:
    assert backends.cache(url)["BACKEND"] == backend


def test_a_killed_workers_messages_come_back_from_redis_within_minutes() -> None:
    options = backends.broker_options("redis://127.0.0.1:6379/0")

    assert options["visibility_timeout"] <= 300
    assert options["unacked_restore_interval"]
    assert options["global_keyprefix"] == "closeconnector:"


class TestKeyFile:
    def test_it_is_made_once_and_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "var" / "keys"

        keys = keyfile.read_or_create(path)

        assert keyfile.read_or_create(path) == keys
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [Fernet(key) for key in keys]
        assert [entry.name for entry in path.parent.iterdir()] == ["keys"]

    def test_those_who_start_together_agree(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            seen = set(pool.map(lambda _: tuple(keyfile.read_or_create(tmp_path / "keys")), range(64)))

        assert len(seen) == 1
