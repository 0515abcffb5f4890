"""The errors of transform_trigger, permanent and transient.

TriggerProblem
├── MessageUnreadable   permanent: the message is not what load publishes, and will not become it
├── BatchRefused        permanent: Dataproc finds the request itself wrong, or the run has used its batch ids
├── TriggerBroken       permanent: a value or a mistake of ours that a repeat would meet again
├── BatchForbidden      transient: heals when the owner grants what is missing; recorded all the same
├── BatchUnknown        transient: the next delivery gets another answer
├── SettingsError       transient: heals with the next deployment
└── BatchStillRunning   transient and expected: the message is redelivered until the batch has ended

A permanent problem is logged, recorded and not retried: the next load that brings new plays submits again.
Everything else, errors of Google's clients included, leaves the function as it is, so that the platform delivers
the message again.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

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


class TriggerBroken(TriggerProblem):
    """This version of transform_trigger cannot deal with the message; the text says where."""


class BatchForbidden(TriggerProblem):
    """The function may not submit batches.

    Raising is better than returning here: a fresh deployment's grants take minutes to reach every server, and the
    plays should not have to wait for the next load.
    """


def without_addresses(text: str) -> str:
    """Google's words without addresses (of service accounts), cut to what a ledger row should hold."""
    return re.sub(r"\S+@\S+", "(an address)", text)[:_MESSAGE_CHARACTERS]


# The same again for the same event: an event that cannot succeed would come for a day and hold others back.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError, ValueError)
_FOLDER = Path(__file__).parent


@contextmanager
def mistakes_are_permanent() -> Iterator[None]:
    """Raises TriggerBroken for what Python raises in the function's own code for a value or a mistake of ours.

    What a library raises is about the moment, and left as it is: Google's clients raise KeyError for an answer that
    lacks a field.
    """
    try:
        yield
    except _MISTAKES as error:
        frames = extract_tb(error.__traceback__)
        folders = [Path(frame.filename).parent for frame in frames]
        # Python's own modules are passed over: who called them decides.
        if [folder for folder in folders if folder == _FOLDER or "site-packages" in folder.parts][-1] != _FOLDER:
            raise
        # Without the error's own text, which may quote what it choked on.
        last = frames[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        raise TriggerBroken(f"No repeat can help: {type(error).__name__} in {place}") from error
