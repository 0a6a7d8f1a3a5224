"""Lists as CSV files: what is on the screen, all of it, with the same filters."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path
from django.utils import timezone

MOST = 100_000
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvExport:
    """Mixed into a list of history. `export_fields` are the columns, by the model's names."""

    export_fields: ClassVar[tuple[str, ...]] = ()
    list_before_template: ClassVar[str] = "sync/admin/export.html"
    opts: Any
    admin_site: Any

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [
            path("export.csv", self.admin_site.admin_view(self.export_view), name=name),
            *super().get_urls(),  # type: ignore[misc]  # mixed into an admin
        ]

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Stream the list as it is filtered and searched, in its order, up to a hundred thousand rows."""
        if not self.export_fields or not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)  # type: ignore[attr-defined]
        except IncorrectLookupParameters:
            return HttpResponseRedirect("../")
        stamp = timezone.localtime().strftime("%Y-%m-%d-%H%M")
        response = StreamingHttpResponse(self._lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}-{stamp}.csv"'
        return response

    def _lines(self, rows: Any) -> Iterator[str]:
        writer = csv.writer(_Echo())
        yield "\ufeff"  # so that spreadsheets read it as UTF-8
        yield writer.writerow([self.opts.get_field(name).verbose_name for name in self.export_fields])
        for row in rows[:MOST].iterator(chunk_size=1000):
            yield writer.writerow([_cell(getattr(row, name)) for name in self.export_fields])


class _Echo:
    """Hands back what the writer writes."""

    def write(self, line: str) -> str:
        return line


def _cell(value: Any) -> str:
    """Return a value as a spreadsheet takes it, and never as a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
