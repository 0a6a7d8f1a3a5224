"""Keeps each connector's periodic tasks in step with it, whoever saves it, and the remotes of sandboxes with the worker."""

from functools import partial
from typing import Any

from celery.signals import worker_ready, worker_shutdown
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver

from sync import tasks
from sync.models import Connector
from sync.services import sandboxes, schedules, webhook_removal


@receiver(post_save, sender=Connector, dispatch_uid="align_schedules")
def align_schedules(instance: Connector, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        schedules.align(instance)
    if not raw and not instance.enabled and instance.webhook_id and not instance.is_sandbox:
        transaction.on_commit(partial(tasks.dispatch, tasks.remove_webhook, connector_id=instance.pk))


@receiver(pre_delete, sender=Connector, dispatch_uid="remove_schedules")
def remove_schedules(instance: Connector, **kwargs: Any) -> None:
    schedules.remove(instance)
    left = webhook_removal.leftover_of(instance)
    if left:
        transaction.on_commit(partial(tasks.dispatch, tasks.remove_leftover_webhook, **left.as_dict()))


@receiver(post_delete, sender=Connector, dispatch_uid="discard_sandbox")
def discard_sandbox(instance: Connector, **kwargs: Any) -> None:
    if instance.is_sandbox:
        transaction.on_commit(partial(sandboxes.discard, instance))


@worker_ready.connect(dispatch_uid="keep_sandboxes")
def keep_sandboxes(**kwargs: Any) -> None:
    for pk in Connector.objects.filter(is_sandbox=True).values_list("pk", flat=True):
        tasks.dispatch(tasks.keep_sandbox, connector_id=pk)


@worker_shutdown.connect(dispatch_uid="stop_sandboxes")
def stop_sandboxes(**kwargs: Any) -> None:
    sandboxes.stop_all()
