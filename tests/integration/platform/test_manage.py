"""The command line before the first migration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


def test_an_empty_database_is_told_in_one_line(tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3",
        "DJANGO_SETTINGS_MODULE": "closeconnector.settings",
    }
    command = [sys.executable, "manage.py", "sync", "nobody"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "The database is empty or older than the program. Run: manage.py migrate"
    ]
