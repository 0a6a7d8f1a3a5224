"""The scheduler's tables, for superusers. Each connector keeps its own tasks in step by itself."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from sync.admin import cells

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule):
    if admin.site.is_registered(model):  # with the library's own, unthemed pages
        admin.site.unregister(model)


class ThemedTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The choice of a registered task, in the theme's dress."""


class ThemedTaskForm(PeriodicTaskForm):
    """The scheduler's form, in the theme's dress."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, widget in (("task", UnfoldAdminTextInputWidget()), ("regtask", ThemedTaskSelect())):
            if name in self.fields:
                self.fields[name].widget = widget


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BasePeriodicTaskAdmin, ModelAdmin):
    """A connector's own tasks are looked at only: they follow the connector, so that edits would be set back."""

    form = ThemedTaskForm
    change_form_template = None
    date_hierarchy = None
    list_display = ("name", "enabled", "scheduler", "last_run", "total_run_count")
    list_filter = ("enabled",)
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (
            _("When"),
            {
                "description": _("Choose one kind of schedule."),
                "fields": ("interval", "crontab", "start_time", "last_run_at", "one_off", "expire_seconds"),
            },
        ),
        (_("With what"), {"description": _("Arguments, as JSON."), "fields": ("args", "kwargs")}),
    )

    @display(description=_("Last run"), ordering="last_run_at")
    def last_run(self, task: PeriodicTask) -> SafeString:
        return cells.ago(task.last_run_at)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_ours_to_edit(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_ours_to_edit(obj) and super().has_delete_permission(request, obj)


def _is_ours_to_edit(task: PeriodicTask | None) -> bool:
    return task is None or "connector_id" not in task.kwargs


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ModelAdmin):
    list_display = ("__str__", "human_readable")
