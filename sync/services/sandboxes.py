"""Sandbox connectors: made with one click, each with a simulated Close and Hull that run beside us on this machine.

Both remotes of a connector are one process, `manage.py sandbox`, on ports that are its own from the beginning and
with state that outlives it. The process holds the lock of its file for as long as it lives: it is never started
twice, and a process id that meanwhile belongs to somebody else is never signalled. Where a connector has no file, its
process is another machine's business.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Agency, Organization
from sync.errors import CredentialsError, SyncError, TransientError
from sync.models import Connector, Secret
from sync.services import setup
from sync.services.config_connectors import ConnectorPair
from sync.services.config_file import GivenConnector, read_text
from sync.services.config_secrets import GivenSecret
from sync.services.config_yaml import ConfigFileError
from sync.services.sandbox_process import Launch, Process, launch
from sync.transport import Answer, Transport

MOST_PER_ORGANIZATION = 3
PORTS = range(9101, 9600)
PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.1
CONFIGURATION = ("sandbox", "demo.yaml")

logger = logging.getLogger(__name__)


class SandboxError(SyncError):
    """The simulated remotes cannot be had. The message says why, in words."""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of the machine. Tests give one of their own."""

    launch: Launch = launch
    is_free: Callable[[int], bool] = _is_free
    sleep: Callable[[float], None] = time.sleep


THIS_MACHINE = Machine()


# ── Making one ───────────────────────────────────────────────────────────────────────────────────


def create(
    organization: Organization,
    *,
    secret: str,
    clock: Callable[[], datetime],
    machine: Machine = THIS_MACHINE,
) -> Connector:
    """Make a connector with remotes of its own, filled with sample data, and with the demo's mapping. It may sync at once.

    Raises SandboxError, and leaves nothing behind then.
    """
    connector = _drafted(organization, secret, machine)
    try:
        start(connector, machine=machine)
        _save(connector, clock())
        setup.refresh_schema(connector, setup.close_client(connector), now=clock())
        _connect_hull(connector)
    except BaseException as error:  # noqa: BLE001 - raised again
        _undo(connector, machine)
        raise _in_words(error) from None
    return connector


def sample_organization() -> Organization:
    """Return the organization that holds sandboxes where there is no other one yet."""
    agency, _ = Agency.objects.get_or_create(slug="sample", defaults={"name": "Sample"})
    found, _ = Organization.objects.get_or_create(
        agency=agency, slug="sample", defaults={"name": "Sample", "hull_domain": "sample.hull.invalid"}
    )
    return found


def _drafted(organization: Organization, secret: str, machine: Machine) -> Connector:
    """Return the connector, unsaved, with all that its process needs to know."""
    number = organization.connectors.filter(is_sandbox=True).count() + 1
    if number > MOST_PER_ORGANIZATION:
        raise SandboxError(
            f"{organization.name} has {MOST_PER_ORGANIZATION} sandbox connectors already. Delete one first."
        )
    close_port, hull_port = _free_ports(machine)
    slug, name = _free_names(organization)
    connector = Connector(
        is_sandbox=True, organization=organization, slug=slug, name=name,
        close_api_url=f"http://127.0.0.1:{close_port}/api/v1", hull_api_url=f"http://127.0.0.1:{hull_port}/api/v1",
        hull_firehose_url=f"http://127.0.0.1:{hull_port}/firehose",
    )  # fmt: skip
    connector.hull_secret = Secret.of(secret)
    connector.hull_connector_id = connector.public_id.hex[:24]
    return connector


def _free_ports(machine: Machine) -> tuple[int, int]:
    rows = Connector.objects.filter(is_sandbox=True).values_list("close_api_url", "hull_api_url")
    taken = {urlsplit(url).port for row in rows for url in row}
    free = (port for port in PORTS if port not in taken and machine.is_free(port))
    found = [port for port, _ in zip(free, range(2), strict=False)]
    if len(found) < 2:
        raise SandboxError(f"No two ports from {PORTS.start} to {PORTS.stop - 1} are free on this machine.")
    return found[0], found[1]


def _free_names(organization: Organization) -> tuple[str, str]:
    stem = f"{organization.slug[:64]}-sandbox"
    taken = set(Connector.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    for number in range(1, len(taken) + 2):
        ending = "" if number == 1 else f"-{number}"
        if f"{stem}{ending}" not in taken:
            break
    return f"{stem}{ending}", f"{organization.name[:180]} sandbox{ending.replace('-', ' ')}"


def _save(connector: Connector, now: datetime) -> None:
    """Write the row and its mapping as a configuration file would."""
    key = str(_ask(connector.close_api_url, "/_sandbox/status").get("api_key", ""))
    given = _sample_settings(connector)
    secrets = {
        "hull_secret": GivenSecret(connector.hull_secret.reveal(), {}),
        "close_api_key": GivenSecret(key, {}),
    }
    urls = {name: getattr(connector, name) for name in ("close_api_url", "hull_api_url", "hull_firehose_url")}
    with transaction.atomic():
        given = replace(given, values={**given.values, **urls}, secrets=secrets)
        ConnectorPair(given, connector).write(set(), now, by="The sandbox's example")
    connector.refresh_from_db()  # the secrets, as they are stored


def _sample_settings(connector: Connector) -> GivenConnector:
    """Read the demo's connector, with the names of this one, through the checks that any configuration file passes."""
    path = Path(settings.BASE_DIR).joinpath(*CONFIGURATION)
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = tree["agencies"][0]["organizations"][0]["connectors"][0] | {
        "slug": connector.slug,
        "name": connector.name,
        "hull": {"connector_id": connector.hull_connector_id, "secret": "given below"},
        "close": {},
    }
    tree["agencies"][0]["organizations"][0]["connectors"] = [wanted]
    config = read_text(yaml.safe_dump(tree), path.parent)
    if config.report.mistakes:
        raise SandboxError(f"{'/'.join(CONFIGURATION)}: {ConfigFileError(config.report.mistakes)}")
    return config.agencies[0].organizations[0].connectors[0]


def _in_words(error: BaseException) -> BaseException:
    if isinstance(error, CredentialsError | IntegrityError):
        return SandboxError("Another sandbox connector was made at the same moment. Try again.")
    if isinstance(error, SyncError) and not isinstance(error, SandboxError):
        return SandboxError(error.message)
    return error


def _undo(connector: Connector, machine: Machine) -> None:
    if not connector._state.adding:
        connector.delete()
    discard(connector, machine=machine)


# ── Running it ───────────────────────────────────────────────────────────────────────────────────


def is_running(connector: Connector) -> bool:
    """Whether both remotes answer."""
    try:
        for url in (connector.close_api_url, connector.hull_api_url):
            _ask(url, "/_sandbox/status")
    except SyncError:
        return False
    return True


def start(connector: Connector, *, machine: Machine = THIS_MACHINE) -> None:
    """Start the remotes unless they run, and return when both answer. Raises SandboxError when they do not."""
    process = process_of(connector)
    if is_running(connector):
        return
    process.start(_arguments(connector, process), connector.hull_secret.reveal(), machine.launch)
    for _ in range(int(PATIENCE_SECONDS / PAUSE_SECONDS)):
        if is_running(connector):
            return
        if not process.is_alive():
            raise SandboxError(f"The simulated Close and Hull could not be started: {process.last_words()}")
        machine.sleep(PAUSE_SECONDS)
    raise SandboxError(
        f"The simulated Close and Hull did not answer within {PATIENCE_SECONDS} seconds. Try again; "
        f"{process.log} may tell more."
    )


def keep_running(connector: Connector, *, machine: Machine = THIS_MACHINE) -> bool:
    """Start a sandbox's remotes again with what they held, if they do not run here. Returns whether they run."""
    process = process_of(connector)
    if not connector.is_sandbox or not process.exists():
        return False
    if process.organization() != connector.hull_organization:  # renamed meanwhile
        process.end(machine.sleep)
    try:
        start(connector, machine=machine)
        _connect_hull(connector)
    except SyncError as error:
        logger.warning("the sandbox of %s does not run: %s", connector.slug, error.message)
        return False
    return True


def stop_all() -> None:
    """Ask the remotes of all sandbox connectors on this machine to end; they keep what they hold."""
    for connector in Connector.objects.filter(is_sandbox=True):
        process_of(connector).ask_to_end()


def discard(connector: Connector, *, machine: Machine = THIS_MACHINE) -> None:
    """End the remotes of a connector that is no more, and forget what they held."""
    process = process_of(connector)
    process.end(machine.sleep)
    process.forget()


def process_of(connector: Connector) -> Process:
    return Process(Path(settings.VAR_DIR) / "sandboxes" / str(connector.public_id))


def _arguments(connector: Connector, process: Process) -> dict[str, str]:
    return {
        "--close-port": str(urlsplit(connector.close_api_url).port),
        "--hull-port": str(urlsplit(connector.hull_api_url).port),
        "--state": str(process.path),
        "--hull-organization": connector.hull_organization,
        "--hull-connector-id": connector.hull_connector_id,
    }


# ── Talking to it ────────────────────────────────────────────────────────────────────────────────


def root_of(api_url: str) -> str:
    """Return the address of the page on which a remote shows what it holds."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc}/"


def _connect_hull(connector: Connector) -> None:
    """Have the simulated Hull tell us what changes, from the beginning on. Raises CredentialsError when it is another's."""
    setup.connect_hull(connector).get_connector()
    door = f"{settings.OWN_URL}/smart-notifier"
    _transport(connector.hull_api_url).request("POST", "/_sandbox/connect", json={"url": door}, write=False)


def _ask(api_url: str, path: str) -> dict[str, object]:
    answer = _transport(api_url).request("GET", path).json()
    return answer if isinstance(answer, dict) else {}


def _transport(api_url: str) -> Transport:
    return Transport(root_of(api_url), classify=_refused, timeout=(1, 5))


def _refused(answer: Answer) -> SyncError | None:
    return None if answer.is_ok else TransientError("The sandbox does not answer as expected.")
