"""Every address of the installation. Hull's side and Close's webhooks are at the root, in `sync.api.urls`."""

from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path
from django.views.generic import RedirectView

from closeconnector import health, metrics

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path(
        "admin/welcome/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(success_url="/admin/"),
        name="welcome",
    ),
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
    path("", include("sync.api.urls")),
]
