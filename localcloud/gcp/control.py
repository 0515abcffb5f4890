"""What no Google service has: the interface by which supervisor, demo and tests steer a stand-in.

Lives under /_localcloud/ and is never spoilt by the faults it orders.
"""

from pathlib import Path
from typing import Any

from localcloud.faults import Fault, Faults
from localcloud.gcp.eventarc.eventarc import to_url
from localcloud.gcp.google_cloud import GoogleCloud
from localcloud.web import CONTROL, ApiError, Request, Response, Routes


def fault_routes(faults: Faults) -> Routes:
    """POST a fault or a list of them, DELETE all, GET those that are still to come."""

    def order(request: Request) -> Response:
        wanted = request.json()
        try:
            faults.order(*(Fault(**fault) for fault in (wanted if isinstance(wanted, list) else [wanted])))
        except TypeError as error:
            raise ApiError(400, "badRequest", f"Not a fault: {error}") from None
        return Response.of_json(faults.pending())

    def clear(request: Request) -> Response:
        faults.clear()
        return Response.of_json([])

    routes = Routes()
    routes.add("POST", f"{CONTROL}faults", order)
    routes.add("DELETE", f"{CONTROL}faults", clear)
    routes.add("GET", f"{CONTROL}faults", lambda request: Response.of_json(faults.pending()))
    return routes


def cloud_routes(cloud: GoogleCloud, key_path: Path | None = None) -> Routes:
    """What is under way, who gets which events, pause and release of deliveries, the end of a batch.

    `key_path`: the key file that signs deliveries.
    """

    def pending(request: Request) -> Response:
        return Response.of_json({**cloud.events.status(), "batches": cloud.dataproc.active()})

    def subscribe(request: Request) -> Response:
        body = request.json()
        deliver = to_url(_field(body, "url"), key_path)
        cloud.events.subscribe(_field(body, "event_type"), deliver, body.get("source"))
        return Response.of_json({})

    def hold(request: Request) -> Response:
        cloud.events.hold(request.json() is True)
        return Response.of_json({})

    def release(request: Request) -> Response:
        cloud.events.release()
        return Response.of_json({})

    def finish(request: Request) -> Response:
        body = request.json()
        cloud.dataproc.finish(request.params["batch"], _field(body, "state"), body.get("message", ""))
        return Response.of_json(cloud.dataproc.batch(request.params["batch"]))

    routes = Routes()
    routes.add("GET", f"{CONTROL}pending", pending)
    routes.add("POST", f"{CONTROL}subscriptions", subscribe)
    routes.add("POST", f"{CONTROL}hold", hold)
    routes.add("POST", f"{CONTROL}release", release)
    routes.add("POST", f"{CONTROL}batches/(?P<batch>[^/]+)/state", finish)
    return routes


def _field(body: Any, name: str) -> str:
    if not isinstance(body, dict) or not isinstance(body.get(name), str):
        raise ApiError(400, "badRequest", f"The body lacks {name!r}")
    value: str = body[name]
    return value
