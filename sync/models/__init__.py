"""Rows, constraints and small verbs."""

from sync.models.batch import Batch
from sync.models.change import Change
from sync.models.connector import Connector
from sync.models.cursor import Cursor
from sync.models.delivery import Delivery
from sync.models.encryption import EncryptedField, Secret
from sync.models.intent import Intent
from sync.models.lane import Lane
from sync.models.link import Link, MatchKey
from sync.models.mapping import Mapping
from sync.models.outcome import Outcome
from sync.models.run import Run
from sync.models.schema import CloseField, CloseStatus, HullAttribute, HullSegment

__all__ = [
    "Batch",
    "Change",
    "CloseField",
    "CloseStatus",
    "Connector",
    "Cursor",
    "Delivery",
    "EncryptedField",
    "HullAttribute",
    "HullSegment",
    "Intent",
    "Lane",
    "Link",
    "Mapping",
    "MatchKey",
    "Outcome",
    "Run",
    "Secret",
]
