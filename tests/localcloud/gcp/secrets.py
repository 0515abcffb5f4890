"""What the laptop cloud's Secret Manager holds, read and stored without a call or a fault."""

import json
from collections.abc import Mapping
from typing import Any

from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.spotify.server import Spotify

_SELECT = "SELECT number, resource, payload FROM secret_versions WHERE secret = ? ORDER BY number"


def payloads(cloud: LaptopCloud, secret: str, project: str = "heavy-rotation-laptop") -> list[bytes]:
    """Of each version, the oldest first."""
    return [row["payload"] for row in cloud.state.rows(_SELECT, f"projects/{project}/secrets/{secret}")]


def versions(cloud: LaptopCloud, secret: str, project: str = "heavy-rotation-laptop") -> dict[int, str]:
    """Version numbers, the oldest first, with their states."""
    rows = cloud.state.rows(_SELECT, f"projects/{project}/secrets/{secret}")
    return {row["number"]: json.loads(row["resource"])["state"] for row in rows}


def store(cloud: LaptopCloud, secret: str, payload: Mapping[str, Any], labels: dict[str, str] | None = None) -> None:
    cloud.secrets.store(cloud.environment["GOOGLE_CLOUD_PROJECT"], secret, json.dumps(payload).encode(), labels)


def store_app(cloud: LaptopCloud, spotify: Spotify, **changes: Any) -> None:
    app = {"client_id": spotify.app.client_id, "client_secret": spotify.app.client_secret}
    store(cloud, "spotify-client", app | changes)


def consent(cloud: LaptopCloud, spotify: Spotify, slug: str, **changes: Any) -> None:
    """What `python -m cli authorize` leaves behind."""
    labels = {"app": "heavy-rotation", "kind": "refresh-token", "listener": slug}
    store(cloud, f"refresh-token-{slug}", spotify.consent(slug) | changes, labels)
