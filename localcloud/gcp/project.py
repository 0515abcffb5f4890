"""Google's APIs about the project itself: enabled services, quotas, the schedule's job, the dashboard's service.

`python -m cli check` is the only reader. Answers have the fields that it reads, by the names of Google's API
descriptions (Service Usage v1, Compute Engine v1, Cloud Scheduler v1, Cloud Run v2).
"""

from dataclasses import dataclass, field
from typing import Any

from localcloud.web import ApiError, Request, Response, Routes

_PROJECT = r"projects/(?P<project>[^/]+)"
_PLACE = rf"{_PROJECT}/locations/(?P<region>[^/]+)"


@dataclass
class Quota:
    limit: float
    usage: float = 0.0


@dataclass
class Project:
    """A project in which nothing is missing; a test changes the fields. A restart forgets them."""

    apis_off: set[str] = field(default_factory=set)
    quotas: dict[str, Quota] = field(
        default_factory=lambda: {"CPUS": Quota(24), "CPUS_ALL_REGIONS": Quota(32), "DISKS_TOTAL_GB": Quota(4096)}
    )
    schedule_state: str | None = "ENABLED"
    """None: there is no job."""
    dashboard_url: str | None = None
    """None: no dashboard is deployed."""
    dashboard_failure: str | None = None

    @property
    def routes(self) -> Routes:
        routes = Routes()
        routes.add("GET", rf"/v1/{_PROJECT}/services:batchGet", self.services)
        routes.add("GET", rf"/compute/v1/{_PROJECT}", lambda request: self._quotas("CPUS_ALL_REGIONS"))
        region = rf"/compute/v1/{_PROJECT}/regions/(?P<region>[^/]+)"
        routes.add("GET", region, lambda request: self._quotas("CPUS", "DISKS_TOTAL_GB"))
        routes.add("GET", rf"/v1/{_PLACE}/jobs/(?P<job>[^/]+)", self.job)
        routes.add("GET", rf"/v2/{_PLACE}/services/(?P<service>[^/]+)", self.service)
        return routes

    def services(self, request: Request) -> Response:
        names = request.query.get("names", [])
        if len(names) > 30:
            raise ApiError(400, "badRequest", "A single request can get a maximum of 30 services at a time.")
        off = {name for name in names if name.rpartition("/")[2] in self.apis_off}
        services = [{"name": name, "state": "DISABLED" if name in off else "ENABLED"} for name in names]
        return Response.of_json({"services": services})

    def _quotas(self, *metrics: str) -> Response:
        known = [(metric, self.quotas[metric]) for metric in metrics if metric in self.quotas]
        quotas = [{"metric": metric, "limit": quota.limit, "usage": quota.usage} for metric, quota in known]
        return Response.of_json({"quotas": quotas})

    def job(self, request: Request) -> Response:
        if self.schedule_state is None:
            raise ApiError(404, "notFound", "Job not found.")
        name = request.path.removeprefix("/v1/")
        job = {"name": name, "schedule": "0 * * * *", "timeZone": "Etc/UTC", "state": self.schedule_state}
        return Response.of_json(job)

    def service(self, request: Request) -> Response:
        if self.dashboard_url is None:
            raise ApiError(404, "notFound", f"Resource '{request.params['service']}' was not found")
        state = "CONDITION_FAILED" if self.dashboard_failure else "CONDITION_SUCCEEDED"
        condition: dict[str, Any] = {"type": "Ready", "state": state}
        if self.dashboard_failure:
            condition["message"] = self.dashboard_failure
        name, url = request.path.removeprefix("/v2/"), self.dashboard_url
        service = {"name": name, "uri": url, "urls": [url], "terminalCondition": condition, "template": {}}
        return Response.of_json(service)
