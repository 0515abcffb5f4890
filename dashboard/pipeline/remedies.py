"""What somebody has to do about a failure, in a sentence; where the pipeline heals by itself, it says that.

The classes are those that leave a row in the ledger: functions/ingest/failures.py, functions/load/load_file.py and
functions/transform_trigger/trigger_batch.py. docs/troubles.md says more about each.
"""

from pipeline.commands import cli

MISSING = "missing"
"""Stands for the class of a failure that left no record."""

_WAIT = "Nothing: the next run tries again."
_PAUSED = "Nothing: the first run after the pause tries again."
_AUTHORIZE = "Run: {authorize}"
_NEW_CLIENT = "Run: {new_client}"
_OF_A_BATCH = "Read the batch's driver output; the next new plays start another batch."

NEXT_STEPS = {
    "NeedsConsent": _AUTHORIZE,
    "SecretUnusable": _AUTHORIZE,
    # pragma: allowlist nextline secret -- a sentence
    "SecretMislabelled": "Give the label listener its right value, or delete the secret that is too many.",
    "SecretUnavailable": _WAIT,
    "TokenNotStored": "Let the ingest function add secret versions, then run: {authorize}",
    "AppSecretUnusable": _NEW_CLIENT,
    "ClientRefused": _NEW_CLIENT,
    "PremiumLapsed": "Renew the app owner's Spotify Premium.",
    "NotAllowListed": "Add the account under User Management on developer.spotify.com/dashboard.",
    "AccessTokenRefused": "Nothing once: the next run tries again. If it stays, run: {authorize}",
    "RequestRefused": "See whether Spotify's Web API has changed.",
    "RateLimited": _PAUSED,
    "QuotaExceeded": f"{_PAUSED} If it comes back, call Spotify less often.",
    "NotAsked": _PAUSED,
    "SpotifyUnavailable": _WAIT,
    "UnreadableAnswer": "Nothing once: the next run tries again. If it stays, Spotify's Web API has changed.",
    "FileRefused": "Look at the file and the reason beside it in the quarantine bucket.",
    "RowsRefused": "Look at the reason beside the file in the quarantine bucket.",
    "PlaysDoubled": "Run: {repair}",
    "ObjectGone": "Nothing: the next run lands the plays again. Ask who deletes files in the landing bucket.",
    "LoadBroken": "Update Heavy Rotation; then copy the run's file out of the landing bucket and back in.",
    "TriggerBroken": "Update Heavy Rotation; the next new plays start a batch.",
    "BatchForbidden": "Let the transform function submit batches: run terraform apply.",
    "BatchRefused": "Read the batch's settings in the reason, then run terraform apply.",
    "BatchFailed": _OF_A_BATCH,
    "BatchCancelled": "Nothing: the next new plays start another batch.",
}

# What has no class of its own, by the step.
_OTHERS = {"top_tracks": _OF_A_BATCH}

_NO_RECORD = {
    "ingest": "Look for the hour in Cloud Scheduler and in the log of the function ingest.",
    "load": (
        "Read the log of the function load: it leaves no record when it may not read, write or publish, or when the "
        "table plays is not as it should be. Run terraform apply, which mends both; the file comes again for 24 hours, "
        "and then once a day for two weeks."
    ),
    "transform": (
        "Read the log of the function transform-trigger, and look for the message in the subscription "
        "plays-loaded-dead. The next new plays start another batch."
    ),
    "top_tracks": "Look for the batch in Dataproc and read its driver output; the next new plays start another one.",
}
_NO_RECORD_ON_LAPTOP = {
    "ingest": "Nothing, when the laptop cloud did not run. Else read logs/ingest.log in its directory.",
    "load": "Read logs/load.log in the laptop cloud's directory. The next run lands the plays again.",
    "transform": (
        "Read logs/transform_trigger.log in the laptop cloud's directory. The next new plays start another batch."
    ),
    "top_tracks": "Read the batch's log in the laptop cloud's directory. The next new plays start another batch.",
}


def next_step(error_class: str, step: str, listener: str = "LISTENER", *, is_laptop: bool = False) -> str:
    """The sentence for a failure of this class in this step; `listener` is whose it was, when it was one's."""
    if error_class == MISSING:
        return (_NO_RECORD_ON_LAPTOP if is_laptop else _NO_RECORD)[step]
    return NEXT_STEPS.get(error_class, _OTHERS.get(step, _WAIT)).format(
        authorize=cli(f"authorize {listener}", is_laptop=is_laptop),
        # The app is everybody's: any listener will do.
        repair=cli("repair", is_laptop=is_laptop),
        new_client=cli("authorize LISTENER --new-client", is_laptop=is_laptop),
    )


def is_said(following: str, what: str) -> bool:
    """Whether what happened is told with the very command that comes next."""
    _, found, command = following.partition(cli("", is_laptop=False))
    return bool(found) and f"{found}{command}" in what
