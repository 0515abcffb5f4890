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
    ├── SpotifyUnavailable  5xx, a time-out, a lost connection, an HTML page
    └── UnreadableAnswer    not JSON, cut short, or JSON of another shape

The class's name is what the ledger keeps as `error_class`; alerts and the dashboard rely on it.
"""

from dataclasses import dataclass


class Failure(Exception):
    """Something that stops one listener. Its text says what happened, without any secret."""


class AppSecretUnusable(Failure): ...


class SecretMislabelled(Failure): ...


class SecretUnusable(Failure): ...


class SecretUnavailable(Failure): ...


class TokenNotStored(Failure): ...


class NeedsConsent(Failure): ...


class ClientRefused(Failure): ...


class PremiumLapsed(Failure): ...


class NotAllowListed(Failure): ...


class AccessTokenRefused(Failure): ...


class RequestRefused(Failure): ...


class RateLimited(Failure):
    """`pause_seconds`: how long to leave the service alone, as it asked."""

    def __init__(self, pause_seconds: int) -> None:
        super().__init__(f"a pause of {pause_seconds} s")
        self.pause_seconds = pause_seconds


class QuotaExceeded(RateLimited): ...


class NotAsked(Failure): ...


class SpotifyUnavailable(Failure): ...


class UnreadableAnswer(Failure): ...


@dataclass(frozen=True)
class _Meaning:
    sentence: str
    """For a person; {what} is the failure's own text."""
    retry_heals: bool
    """Whether the same call a few minutes later may well succeed without any action."""


_AUTHORIZE = "run `python -m cli authorize {listener}`"
# The app is one for all listeners: any name will do, and the sentence is the same for all.
_NEW_CLIENT = "run `python -m cli authorize LISTENER --new-client`"

_MEANINGS: dict[type[Failure], _Meaning] = {
    AppSecretUnusable: _Meaning(f"{{what}}, {_NEW_CLIENT}", retry_heals=False),
    SecretMislabelled: _Meaning("{what}, correct it", retry_heals=False),
    SecretUnusable: _Meaning(f"{{what}}, correct it or {_AUTHORIZE}", retry_heals=False),
    SecretUnavailable: _Meaning("{what}, the next run tries again", retry_heals=True),
    TokenNotStored: _Meaning(
        "the plays were collected, but Spotify's new refresh token could not be stored ({what}): let the function add "
        f"secret versions, and if the next run finds no consent, {_AUTHORIZE}",
        retry_heals=False,
    ),
    NeedsConsent: _Meaning(f"{{what}}, {_AUTHORIZE}", retry_heals=False),
    ClientRefused: _Meaning(f"Spotify refused the app's client id or secret, {_NEW_CLIENT}", retry_heals=False),
    PremiumLapsed: _Meaning(
        "the app's owner has no active Spotify Premium, renew it (Spotify may take some hours to notice)",
        retry_heals=False,
    ),
    NotAllowListed: _Meaning(
        "the account is not a user of the app, add it under User Management on https://developer.spotify.com/dashboard",
        retry_heals=False,
    ),
    AccessTokenRefused: _Meaning(
        "Spotify refused an access token it had just given, the next run tries again", retry_heals=True
    ),
    RequestRefused: _Meaning(
        "Spotify refused the request ({what}), see whether its Web API has changed", retry_heals=False
    ),
    # The ledger keeps the pause; a retry before its end makes no call.
    RateLimited: _Meaning("Spotify asked for {what}, the first run after it tries again", retry_heals=False),
    QuotaExceeded: _Meaning(
        "the calls that Spotify grants to the app's developer account are used up, and it asked for {what}: the first "
        "run after it tries again; if this comes back, call Spotify less often (all of the account's apps count)",
        retry_heals=False,
    ),
    NotAsked: _Meaning("no call was made, {what}", retry_heals=False),
    SpotifyUnavailable: _Meaning("Spotify was not available ({what}), the next run tries again", retry_heals=True),
    UnreadableAnswer: _Meaning(
        "Spotify's answer could not be read ({what}), the next run tries again", retry_heals=True
    ),
}


def explain(failure: Failure, listener_id: str) -> str:
    """One sentence: what happened to this listener and what to do next."""
    return _MEANINGS[type(failure)].sentence.format(what=failure, listener=listener_id)


def retry_heals(failure: Failure) -> bool:
    return _MEANINGS[type(failure)].retry_heals
