"""Instants as Google's APIs write them."""

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    """For example 2026-11-22T10:00:03.123456Z."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
