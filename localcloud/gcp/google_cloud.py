"""All of Google but BigQuery under one roof: the services that share a directory, a state file, a clock, an address."""

from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.credentials import token_routes
from localcloud.gcp.dataproc import Dataproc, RunBatch
from localcloud.gcp.eventarc.cloud_events import object_finalized
from localcloud.gcp.eventarc.eventarc import Backoff, Events
from localcloud.gcp.project import Project
from localcloud.gcp.pubsub import PubSub
from localcloud.gcp.secret_manager import SecretManager
from localcloud.gcp.state import State
from localcloud.gcp.storage.api import StorageApi
from localcloud.gcp.storage.files import Resource
from localcloud.gcp.storage.objects import Storage
from localcloud.web import Log, Routes


class GoogleCloud:
    """The services as Python objects, and `routes` that serve them all."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        faults: Faults,
        log: Log,
        run_batch: RunBatch | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.state = State(directory / "state.sqlite")
        self.events = Events(self.state, clock, faults, log, backoff)
        self.storage = Storage(directory, self.state, clock, self._publish_finalized)
        self.secrets = SecretManager(self.state, clock, faults)
        self.pubsub = PubSub(self.state, clock, self.events)
        self.dataproc = Dataproc(directory / "batches", self.state, clock, faults, log, run_batch)
        self.project = Project()
        self.routes = Routes()
        for routes in (
            token_routes(),
            StorageApi(self.storage).routes,
            self.secrets.routes,
            self.pubsub.routes,
            self.dataproc.routes,
            self.project.routes,
        ):
            self.routes.extend(routes)

    def close(self) -> None:
        self.events.stop()
        self.dataproc.stop()
        self.state.close()

    def _publish_finalized(self, resource: Resource) -> None:
        event_id = str(self.state.next_number("event"))
        self.events.publish(object_finalized(event_id, resource["timeCreated"], resource))
