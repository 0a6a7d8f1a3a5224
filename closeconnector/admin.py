"""What libraries would put into the admin and is not for people to edit there.

Schedules follow the connectors: whatever is changed in them by hand would be set back.
"""

from django.contrib import admin
from django_celery_beat import models

for model in (
    models.ClockedSchedule,
    models.CrontabSchedule,
    models.IntervalSchedule,
    models.PeriodicTask,
    models.SolarSchedule,
):
    admin.site.unregister(model)
