"""The errors of transform_trigger, permanent and transient.

TriggerProblem
├── MessageUnreadable   permanent: the message is not what load publishes, and will not become it
├── BatchRefused        permanent: Dataproc finds the request itself wrong, or the run has used its batch ids
├── BatchForbidden      transient: heals when the owner grants what is missing; recorded all the same
├── BatchUnknown        transient: the next delivery gets another answer
├── SettingsError       transient: heals with the next deployment
└── BatchStillRunning   transient and expected: the message is redelivered until the batch has ended

A permanent problem is logged, recorded and not retried: the next load that brings new plays submits again.
Everything else, errors of Google's clients and mistakes of ours included, leaves the function as it is, so that the
platform delivers the message again: a deployment heals it, or the message is a dead letter after 100 deliveries.
"""

import re

_MESSAGE_CHARACTERS = 500


class TriggerProblem(Exception):
    """Anything transform_trigger itself finds wrong."""


class MessageUnreadable(TriggerProblem):
    """The event holds no message of the topic `plays-loaded`."""


class SettingsError(TriggerProblem):
    """A setting is missing or malformed; the message names the variable, never its value."""


class BatchStillRunning(TriggerProblem):
    """Another batch is at work and started before these plays were merged."""


class BatchUnknown(TriggerProblem):
    """An answer about a batch lacks a field."""


class BatchRefused(TriggerProblem):
    """No repetition of this request will be accepted.

    Returning is better than raising here: repeating the same wrong request for 24 hours does not help, and what
    corrects it is a deployment, after which the next load submits anyway.
    """


class BatchForbidden(TriggerProblem):
    """The function may not submit batches.

    Raising is better than returning here: a fresh deployment's grants take minutes to reach every server, and the
    plays should not have to wait for the next load.
    """


def without_addresses(text: str) -> str:
    """Google's words without addresses (of service accounts), cut to what a ledger row should hold."""
    return re.sub(r"\S+@\S+", "(an address)", text)[:_MESSAGE_CHARACTERS]
