"""Writes down that the accounts of two merged leads became one in Hull: the survivor goes on with the link."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync.engine.doubt import in_doubt
from sync.engine.inbound import UPSERT
from sync.mapping.paths import GROUP
from sync.models import Connector, Link
from sync.records import Direction, ObjectType
from sync.services import links
from sync.services.intake import Heard, queue


def settle(connector: Connector, merged: Iterable[Link], *, now: datetime) -> None:
    """Hand pairs over to the survivors, and have Hull told all of them anew. Must run inside a transaction.

    Which of two values Hull keeps when it makes one of two accounts is up to Hull, so that nothing that it held of the
    survivor is relied upon.
    """
    heard = []
    for link in merged:
        into = links.follow(connector, link)
        rows = {row.pk: row for row in _locked(link, into)}
        loser, survivor = rows[link.pk], rows[into.pk]
        if loser.hull_id and not survivor.hull_id:
            _hand_over(loser, survivor, now)
        told = {name: value for name, value in survivor.sent.items() if name != f"{GROUP}/id"}
        survivor.sent = in_doubt(told, survivor.sent)
        survivor.save(update_fields=["hull_id", "paired_at", "departed", "sent", "updated_at"])
        payload = {"action": UPSERT, "ours": False}
        heard.append(Heard(ObjectType.LEAD, survivor.close_id, payload, "", survivor.label, again=True))
    queue(connector, Direction.INBOUND, heard, now=now)


def _hand_over(loser: Link, survivor: Link, now: datetime) -> None:
    survivor.hull_id, survivor.paired_at, survivor.departed = loser.hull_id, now, ""
    loser.hull_id = None
    loser.save(update_fields=["hull_id", "updated_at"])


def _locked(*wanted: Link) -> list[Link]:
    pks = [link.pk for link in wanted]
    return list(Link.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
