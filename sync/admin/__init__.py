"""The admin of connectors and of what they did. Importing the modules registers them."""

from sync.admin import (
    alert,
    approval,
    audit,
    batch,
    budget,
    change,
    connector,
    delivery,
    link,
    machinery,
    outcome,
    run,
    schedule,
    schema,
    version,
)

__all__ = [
    "alert",
    "approval",
    "audit",
    "batch",
    "budget",
    "change",
    "connector",
    "delivery",
    "link",
    "machinery",
    "outcome",
    "run",
    "schedule",
    "schema",
    "version",
]
