"""The errors of transform_trigger, permanent and transient.

A permanent problem is logged, recorded and not retried: the next load that brings new plays submits again.
Everything else, errors of Google's clients and mistakes of ours included, leaves the function as it is, so that the
platform delivers the message again: a deployment heals it, or the message is a dead letter after 100 deliveries.
"""

import re

_MESSAGE_CHARACTERS = 500


class MessageUnreadable(Exception):
    """Permanent: the event holds no message of the topic `plays-loaded`, and will hold none next time."""


class SettingsError(Exception):
    """Transient, until the next deployment: a setting is missing or malformed; the text names it, never its value."""


class BatchStillRunning(Exception):
    """Transient and expected: another batch is at work and started before these plays were merged."""


class BatchUnknown(Exception):
    """Transient: an answer about a batch lacks a field."""


class BatchRefused(Exception):
    """Permanent: Dataproc finds the request itself wrong, or the run has used its batch ids.

    Returning is better than raising here: repeating the same wrong request for 24 hours does not help, and what
    corrects it is a deployment, after which the next load submits anyway.
    """


class BatchForbidden(Exception):
    """Transient, and recorded all the same: the function may not submit batches.

    Raising is better than returning here: a fresh deployment's grants take minutes to reach every server, and the
    plays should not have to wait for the next load.
    """


def without_addresses(text: str) -> str:
    """Google's words without addresses (of service accounts), cut to what a ledger row should hold."""
    return re.sub(r"\S+@\S+", "(an address)", text)[:_MESSAGE_CHARACTERS]
