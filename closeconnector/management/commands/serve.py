"""Run everything on this machine: web, worker and scheduler."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from closeconnector import env
from closeconnector.supervisor import Supervisor

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Command(BaseCommand):
    help = "Runs web, worker and scheduler in the foreground until Ctrl-C. PORT (8000) and HOST (127.0.0.1) say where."

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = env.text("HOST", "127.0.0.1"), env.number("PORT", 8000, minimum=1, maximum=65535)
        refuse_taken_port(host, port)
        if settings.DEBUG and host not in LOOPBACK:
            self.stderr.write(
                "DEBUG is on and HOST lets other machines in: set DEBUG=false where that is not meant."
            )
        os.environ["PYTHONUNBUFFERED"] = "1"
        os.chdir(settings.BASE_DIR)
        self._lock = threading.Lock()
        self._write(f"Close Connector: http://{host}:{port}/admin/ (Ctrl-C stops it)")
        Supervisor(commands(host, port), self._write).run()
        self._write("Stopped.")

    def _write(self, line: str) -> None:
        with self._lock:
            self.stdout.write(line)
            self.stdout.flush()


def commands(host: str, port: int) -> dict[str, list[str]]:
    """Return the three commands by name."""
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "closeconnector"]
    level = ["--loglevel", settings.LOG_LEVEL]
    return {
        "web": [
            *(
                sys.executable,
                "-m",
                "gunicorn",
                "closeconnector.wsgi:application",
                "--bind",
                f"{host}:{port}",
            ),
            *("--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "5", "--timeout", "60"),
            *("--no-control-socket", "--log-level", "error"),
        ],
        "worker": [
            *(
                *celery,
                "worker",
                "--pool",
                "threads",
                "--concurrency",
                "4",
                "--hostname",
                "worker@%h",
                *level,
            ),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        "beat": [*celery, "beat", "--pidfile=", *level],
    }


def refuse_taken_port(host: str, port: int) -> None:
    """Stop with one line when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            env.refuse("PORT", f"{port} cannot be used on {host}: {error.strerror}.")
