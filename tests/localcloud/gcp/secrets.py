"""What the laptop cloud's Secret Manager holds, read without a call or a fault."""

import json

from localcloud.gcp.laptop_cloud import LaptopCloud

_SELECT = "SELECT number, resource, payload FROM secret_versions WHERE secret = ? ORDER BY number"


def payloads(cloud: LaptopCloud, secret: str, project: str = "heavy-rotation-laptop") -> list[bytes]:
    """Of each version, the oldest first."""
    return [row["payload"] for row in cloud.state.rows(_SELECT, f"projects/{project}/secrets/{secret}")]


def versions(cloud: LaptopCloud, secret: str, project: str = "heavy-rotation-laptop") -> dict[int, str]:
    """Version numbers, the oldest first, with their states."""
    rows = cloud.state.rows(_SELECT, f"projects/{project}/secrets/{secret}")
    return {row["number"]: json.loads(row["resource"])["state"] for row in rows}
