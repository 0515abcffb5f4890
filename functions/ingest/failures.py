"""The errors of one listener, by class, and for each class its sentence and whether a retry can help.

Failure
├── AppSecretUnusable       spotify-client is missing or wrong: stops the whole run
├── SecretMislabelled       the label that names the listener is missing, malformed or not the only one
├── SecretUnusable          the listener's secret has no readable version, or a wrong content
├── SecretUnavailable       Secret Manager did not hand it out
├── TokenNotStored          a rotated refresh token could not be kept (the page was collected all the same)
├── NotAsked                no call was made for this listener, because of another failure
└── what Spotify answered
    ├── NeedsConsent        invalid_grant, or a scope that does not cover recently played tracks
    ├── ClientRefused       invalid_client: the app's own id or secret
    ├── PremiumLapsed       the app's owner has no Premium any more: the whole app stands still
    ├── NotAllowListed      this account is not one of the app's users
    ├── AccessTokenRefused  401, although the access token is fresh
    ├── RequestRefused      any other 4xx
    ├── RateLimited         429 that a short wait did not end
    │   └── QuotaExceeded   429 because the day's calls of the developer account are used up
    ├── SpotifyUnavailable  5xx, no answer in time, an HTML page, a refusal that passes; in the log also of ReccoBeats
    └── UnreadableAnswer    not JSON, cut short, or JSON of another shape

The class's name is what the ledger keeps as `error_class`; alerts and the dashboard rely on it.
"""

from typing import ClassVar

_AUTHORIZE = "run `python -m cli authorize {listener}`"
# The app is one for all listeners: any name will do, and the sentence is the same for all.
_NEW_CLIENT = "run `python -m cli authorize LISTENER --new-client`"


def duration(seconds: float) -> str:
    """Whole units, the two largest: 9 h 49 min, 5 min, 1 min 30 s, 20 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in units if count) or "0 s"


class Failure(Exception):
    """Something that stops one listener. Its text says what happened, without any secret.

    `sentence`: for a person; {what} is the failure's own text. `retry_heals`: whether the same call a few minutes later
    may well succeed without any action.
    """

    sentence: ClassVar[str]
    retry_heals: ClassVar[bool] = False

    def explain(self, listener_id: str) -> str:
        """One sentence: what happened to this listener and what to do next."""
        return self.sentence.format(what=self, listener=listener_id)


class AppSecretUnusable(Failure):
    sentence = f"{{what}}, {_NEW_CLIENT}"


class SecretMislabelled(Failure):
    sentence = "{what}, correct it"


class SecretUnusable(Failure):
    sentence = f"{{what}}, correct it or {_AUTHORIZE}"


class SecretUnavailable(Failure):
    sentence = "{what}, the next run tries again"
    retry_heals = True


class TokenNotStored(Failure):
    sentence = (
        "the plays were collected, but Spotify's new refresh token could not be stored ({what}): let the function add "
        f"secret versions, and if the next run finds no consent, {_AUTHORIZE}"
    )


class NeedsConsent(Failure):
    sentence = f"{{what}}, {_AUTHORIZE}"


class ClientRefused(Failure):
    sentence = f"Spotify refused the app's client id or secret, {_NEW_CLIENT}"


class PremiumLapsed(Failure):
    sentence = "the app's owner has no active Spotify Premium, renew it (Spotify may take some hours to notice)"


class NotAllowListed(Failure):
    sentence = (
        "the account is not a user of the app, add it under User Management on https://developer.spotify.com/dashboard"
    )


class AccessTokenRefused(Failure):
    sentence = "Spotify refused an access token it had just given, the next run tries again"
    retry_heals = True


class RequestRefused(Failure):
    sentence = "Spotify refused the request ({what}), see whether its Web API has changed"


class RateLimited(Failure):
    """`pause_seconds`: how long no call may be made.

    The ledger keeps the pause; a retry before its end makes no call.
    """

    sentence = "Spotify asked for {what}, the first run after it tries again"

    def __init__(self, pause_seconds: int) -> None:
        super().__init__(f"a pause of {duration(pause_seconds)}")
        self.pause_seconds = pause_seconds


class QuotaExceeded(RateLimited):
    sentence = (
        "the calls that Spotify grants to the app's developer account are used up, and it asked for {what}: the first "
        "run after it tries again; if this comes back, call Spotify less often (all of the account's apps count)"
    )


class NotAsked(Failure):
    sentence = "no call was made, {what}"


class SpotifyUnavailable(Failure):
    sentence = "Spotify was not available ({what}), the next run tries again"
    retry_heals = True


class UnreadableAnswer(Failure):
    sentence = "Spotify's answer could not be read ({what}), the next run tries again"
    retry_heals = True
