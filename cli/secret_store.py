"""Secret Manager, as far as consents need it: a secret per listener, one good version in it, nothing left behind.

Payloads are handed through and never shown: not in an error, not in a repr.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.secretmanager import Secret, SecretManagerServiceClient, SecretVersion

from cli import google_clients
from cli.console import CliError, say
from cli.place import Place
from cli.warehouse import Warehouse
from failures import SecretUnavailable
from listener_secrets import (
    APP_SECRET,
    CALL_SECONDS,
    LISTENER_LABELS,
    MOST_VERSIONS,
    RETRY,
    SLUG,
    add_version,
    destroy_version,
    id_of,
    number_of,
    read_newest,
    read_version,
    why_not_enabled,
)


class SecretStore:
    """The secrets at one place. They are made by Terraform; on the laptop, which has none, here."""

    def __init__(self, place: Place) -> None:
        self._client: SecretManagerServiceClient = google_clients.secret_manager(place)
        self._parent, self._makes_secrets = f"projects/{place.project}", place.laptop is not None

    def listeners(self) -> dict[str, str]:
        """Listener → name of the secret, from the labels. Raises CliError when two secrets are one listener's.

        A secret without the label `listener` is left out; ingest records it in the ledger.
        """
        names: dict[str, str] = {}
        for secret in self._secrets():
            listener = secret.labels.get("listener", "")
            if not (LISTENER_LABELS.items() <= dict(secret.labels).items() and SLUG.fullmatch(listener)):
                continue
            if listener in names:
                raise CliError(
                    f"Two secrets carry the label listener={listener}: {id_of(secret.name)} and "
                    f"{id_of(names[listener])}. Delete one of them."
                )
            names[listener] = secret.name
        return dict(sorted(names.items()))

    def secrets_of(self, listener: str) -> list[str]:
        """Names of the listener's secrets by label, and by name where a label is lost: the token in it still counts."""
        homes = {name: _home_id(owner) for owner, name in self.listeners().items()}
        names = [secret.name for secret in self._secrets()]
        return [name for name in names if homes.get(name, id_of(name)) == _home_id(listener)]

    def home_of(self, listener: str) -> str:
        """The secret that the listener's consent goes into. It need not exist yet where this makes secrets."""
        name = self.listeners().get(listener)
        if name is None and not self._makes_secrets:
            raise CliError(
                f"There is no listener {listener} in this project. Add it to `listeners` in terraform.tfvars, run "
                "`make deploy`, then this command again."
            )
        return name or f"{self._parent}/secrets/{_home_id(listener)}"

    def app_home(self) -> str:
        return f"{self._parent}/secrets/{APP_SECRET}"

    def read(self, secret: str, version: int | None = None) -> dict[str, Any] | None:
        """What a version holds, by default the newest; None when there is nothing that can be read, or no JSON object:
        it may be replaced.
        """
        try:
            found = read_version(self._client, secret, str(version)) if version else read_newest(self._client, secret)
            value = json.loads(found[1]) if found else None
        except SecretUnavailable:
            raise CliError(f"The secret {id_of(secret)} arrived damaged. Run the command again.") from None
        except (NotFound, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def newest_version_at(self, secret: str) -> datetime | None:
        """When the newest version was stored; None where ingest cannot read it. Its content is not read."""
        newest = max(self._versions(secret), key=lambda version: number_of(version.name), default=None)
        return newest.create_time if newest and newest.state == SecretVersion.State.ENABLED else None

    def why_unreadable(self, secret: str) -> str | None:
        """Why ingest cannot read the newest version, in its words; None where it can. Its content is not read."""
        try:
            return why_not_enabled(secret, self._versions(secret))
        except NotFound:
            return why_not_enabled(secret, [])

    def erased_at(self, listener: str) -> datetime | None:
        """When the last version of the listener's was destroyed; None where by the list, which may be late, one is not,
        or where it is not recorded: the secret is gone.
        """
        versions = [version for secret in self.secrets_of(listener) for version in self._versions(secret)]
        if any(version.state != SecretVersion.State.DESTROYED for version in versions):
            return None
        return max((version.destroy_time for version in versions if version.destroy_time), default=None)

    def replace(self, secret: str, payload: Mapping[str, str], labels: Mapping[str, str] | None = None) -> int:
        """Store a new version, read it back, and only then destroy those before it; how many were destroyed."""
        content = json.dumps(payload).encode()
        new = self._add(secret, content, labels or {})
        # This version, not the newest: ingest may store a rotated token of the consent before at the same moment.
        if self.read(secret, new) != payload:
            raise CliError(
                f"The new version of the secret {id_of(secret)} cannot be read back, so the one before it was kept. "
                "Run the command again."
            )
        return self._destroy_before(secret, new)

    def erase(self, listener: str) -> int:
        """Destroy every version of the listener's secrets; how many there were. Terraform's secrets stay, empty."""
        destroyed = 0
        for secret in self.secrets_of(listener):
            left, unknown = self._left(secret)
            with suppress(NotFound):  # a version that the list does not know yet has the next number
                for number in chain(left, range(unknown, unknown + MOST_VERSIONS)):
                    destroyed += destroy_version(self._client, secret, number)
            if self._makes_secrets:
                self._client.delete_secret(name=secret, timeout=CALL_SECONDS)
        return destroyed

    def _add(self, secret: str, content: bytes, labels: Mapping[str, str]) -> int:
        """The new version's number."""
        try:
            return add_version(self._client, secret, content)
        except NotFound:
            if not self._makes_secrets:
                raise
        settings = {"replication": {"automatic": {}}, "labels": dict(labels)}
        create = {"parent": self._parent, "secret_id": id_of(secret), "secret": settings}
        self._client.create_secret(create, timeout=CALL_SECONDS)
        return add_version(self._client, secret, content)

    def _destroy_before(self, secret: str, number: int) -> int:
        """Versions cost money until they are destroyed, disabled ones too. Newer ones are another process's.

        What was stored is stored: an old version that stays is worth a warning, not a failure.
        """
        destroyed = 0
        left, unknown = self._left(secret)
        for old in chain((each for each in left if each < number), range(unknown, number)):
            try:
                destroyed += destroy_version(self._client, secret, old)
            except GoogleAPICallError as error:
                name, why = f"{secret}/versions/{old}", type(error).__name__
                say(f"The old version {name} could not be destroyed ({why}): destroy it, it costs money.")
        return destroyed

    def _left(self, secret: str) -> tuple[list[int], int]:
        """Numbers of the versions that the list does not show as destroyed, and the first that it does not know."""
        states = {number_of(version.name): version.state for version in self._versions(secret)}
        left = [number for number, state in states.items() if state != SecretVersion.State.DESTROYED]
        return left, max(states, default=0) + 1

    def _secrets(self) -> Iterable[Secret]:
        return self._client.list_secrets({"parent": self._parent}, timeout=CALL_SECONDS, retry=RETRY)

    def _versions(self, secret: str) -> Iterable[SecretVersion]:
        return self._client.list_secret_versions({"parent": secret}, timeout=CALL_SECONDS, retry=RETRY)


def known_listeners(store: SecretStore, warehouse: Warehouse) -> list[str]:
    """Those who have a secret or plays."""
    return sorted({*store.listeners(), *(row["listener_id"] for row in warehouse.run("last_plays"))})


def _home_id(listener: str) -> str:
    return f"refresh-token-{listener}"
