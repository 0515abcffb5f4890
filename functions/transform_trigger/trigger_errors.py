"""The errors of transform_trigger, permanent and transient.

TriggerProblem
├── permanent
│   ├── MessageUnreadable   the event holds no message of the topic `plays-loaded`, and will hold none next time
│   └── BatchRefused        Dataproc finds the request itself wrong, or the run has used its batch ids
└── transient
    ├── BatchForbidden      the function may not submit batches; recorded all the same
    ├── BatchUnknown        an answer about a batch lacks a field
    ├── BatchStillRunning   as expected: another batch is at work and started before these plays were merged
    └── SettingsError       until the next deployment: a setting is missing or malformed

A permanent problem is logged, recorded and not retried: the next load that brings new plays submits again.
Everything else, errors of Google's clients and mistakes of ours included, leaves the function as it is, so that the
platform delivers the message again: a deployment heals it, or the message is a dead letter after 100 deliveries.
"""

import re

_MESSAGE_CHARACTERS = 500


class TriggerProblem(Exception):
    """Anything transform_trigger itself finds wrong."""


class MessageUnreadable(TriggerProblem):
    pass


class SettingsError(TriggerProblem):
    """The text names the setting, never its value."""


class BatchStillRunning(TriggerProblem):
    pass


class BatchUnknown(TriggerProblem):
    pass


class BatchRefused(TriggerProblem):
    """Returning is better than raising here: repeating the same wrong request for 24 hours does not help.

    What corrects it is a deployment, after which the next load submits anyway.
    """


class BatchForbidden(TriggerProblem):
    """Raising is better than returning here: a fresh deployment's grants take minutes to reach every server.

    The plays should not have to wait for the next load.
    """


def without_addresses(text: str) -> str:
    """An error's text without the e-mail addresses in it, cut to what a ledger row should hold."""
    return re.sub(r"\S+@\S+", "(an address)", text)[:_MESSAGE_CHARACTERS]
