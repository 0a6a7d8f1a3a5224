"""Keeps each connector's periodic tasks in step with it, whoever saves it."""

from typing import Any

from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from sync.models import Connector
from sync.services import schedules


@receiver(post_save, sender=Connector, dispatch_uid="align_schedules")
def align_schedules(instance: Connector, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        schedules.align(instance)


@receiver(pre_delete, sender=Connector, dispatch_uid="remove_schedules")
def remove_schedules(instance: Connector, **kwargs: Any) -> None:
    schedules.remove(instance)
