"""Metrics for Prometheus: the process, and whatever an app registers as a collector.

from closeconnector.metrics import registry
registry.register(MyCollector())     # any object with a `collect()` that yields metric families
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client import REGISTRY as registry  # noqa: N811 - read as a value by those who register

__all__ = ["metrics", "registry"]


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format."""
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
