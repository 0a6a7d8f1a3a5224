"""Rows, constraints and small verbs."""

from sync.models.activity import HullEvent, Opportunity, SegmentAction, SegmentEntry
from sync.models.alert import Alert, AlertChannel, AlertDelivery
from sync.models.approval import Approval
from sync.models.batch import Batch
from sync.models.budget import Budget, BudgetDemand, BudgetUse
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
from sync.models.pause import RecordPause
from sync.models.resync import Resync
from sync.models.run import Run
from sync.models.schema import CloseField, CloseStatus, CloseUser, HullAttribute, HullSegment
from sync.models.version import ConfigurationVersion

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "Approval",
    "Batch",
    "Budget",
    "BudgetDemand",
    "BudgetUse",
    "Change",
    "CloseField",
    "CloseStatus",
    "CloseUser",
    "ConfigurationVersion",
    "Connector",
    "Cursor",
    "Delivery",
    "EncryptedField",
    "HullAttribute",
    "HullEvent",
    "HullSegment",
    "Intent",
    "Lane",
    "Link",
    "Mapping",
    "MatchKey",
    "Opportunity",
    "Outcome",
    "RecordPause",
    "Resync",
    "Run",
    "Secret",
    "SegmentAction",
    "SegmentEntry",
]
