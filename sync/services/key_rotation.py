"""Moves every secret to the first key of the ring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models

from sync.errors import ConfigurationError
from sync.models import EncryptedField, Secret


@dataclass(slots=True)
class Rotated:
    """How many secrets were encrypted anew, and a sentence for each that could not be."""

    count: int = 0
    failures: list[str] = field(default_factory=list)


def rotate() -> Rotated:
    """Encrypt every secret of every model anew. One that cannot be decrypted is reported; the others go on."""
    rotated = Rotated()
    for model, column in encrypted_columns():
        for pk, label, secret in _stored(model, column):
            try:
                rotated.count += _replace(model, column, pk, secret)
            except ConfigurationError as error:
                rotated.failures.append(f"{model._meta.verbose_name} {label}: {column}: {error.message}")
    return rotated


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every encrypted column there is, in every app."""
    for model in apps.get_models(include_auto_created=True):
        for column in model._meta.concrete_fields:
            if isinstance(column, EncryptedField) and not model._meta.proxy:
                yield model, column.attname


def _stored(model: type[models.Model], column: str) -> Iterator[tuple[object, object, Secret]]:
    has_slug = any(found.name == "slug" for found in model._meta.concrete_fields)
    rows = model._base_manager.exclude(**{column: ""}).order_by("pk")
    return rows.values_list("pk", "slug" if has_slug else "pk", column).iterator()


def _replace(model: type[models.Model], column: str, pk: object, secret: Secret) -> int:
    """Store a secret under the first key, unless somebody entered another one meanwhile."""
    unchanged = model._base_manager.filter(pk=pk, **{column: secret})
    return unchanged.update(**{column: secret.rotated()})
