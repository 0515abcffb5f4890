"""A storm: what is played and what goes wrong, hour by hour, all of it drawn from a seed. Values only.

Everything that can go wrong is a kind in KINDS; the report counts by these names. A storm can be made smaller
(`keep`), which is how a failing one is shrunk.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

from localcloud.faults import Fault
from tests.localcloud.spotify.faulty_spotify import SpotifyFault

LISTENERS = ("listener-one", "listener-two")
DAY_LONG_PAUSE_SECONDS = 82_661
"""As users report it (ledger of a real app, August 2026)."""
SLOW_SECONDS = 25.0
"""How long an answer takes that comes too late: ingest waits for 20 s (functions/ingest/http_client.py)."""
LONGEST_LATE_MINUTES = 2 * 24 * 60
LONGEST_AHEAD_MINUTES = 5 * 60


@dataclass(frozen=True)
class Listening:
    """What one listener played in the hour before a slot."""

    hour: int
    listener: str
    plays: int
    late_minutes: Mapping[int, int] = field(default_factory=dict)
    """How long after its end Spotify shows a play, by the play's place in the hour; the others show at once."""
    never_shown: frozenset[int] = frozenset()
    """Places of the plays that Spotify never shows, as of a private session."""
    ahead_minutes: Mapping[int, int] = field(default_factory=dict)
    """By how much the clock was ahead that dated a play, by the play's place in the hour."""


@dataclass(frozen=True)
class Rotate:
    """Spotify gives a new refresh token with the next refresh; the old one is good until the new one is used.

    If it dies at once, a run that dies between the two loses the consent: ordered only where no process is killed and
    no answer is lost on the way (LOSES_TOKENS).
    """

    listener: str
    old_dies_at_once: bool = False


@dataclass(frozen=True)
class Revoke:
    """The listener takes the consent back, and gives it again some hours later (`python -m cli authorize`)."""

    listener: str
    hours: int


@dataclass(frozen=True)
class EndBatch:
    """What becomes of the batches that run in this hour, instead of succeeding after some minutes."""

    fate: Literal["FAILED", "CANCELLED", "hangs"]


@dataclass(frozen=True)
class Call:
    """How Cloud Scheduler calls in this hour."""

    times: int = 1
    late_minutes: int = 0


@dataclass(frozen=True)
class Force:
    """The owner forces runs in this hour (`python -m cli run-now`), at these minutes after the slot and 30 seconds."""

    minutes: tuple[int, ...]


@dataclass(frozen=True)
class Outlive:
    """The next event's handler is at work beyond its time-out: after `skip` calls the event is redelivered."""

    skip: int


@dataclass(frozen=True)
class Import:
    """The owner imports a listener's export, which ends some hours before, and takes the import back later or never."""

    listener: str
    ended_hours_ago: int
    undone_after_hours: int | None = None


Measure = Fault | SpotifyFault | Rotate | Revoke | EndBatch | Call | Force | Outlive | Import


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong, and what has to be done for it."""

    hour: int
    kind: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Storm:
    """Some hours of it. After them comes a quiet time, in which nothing new goes wrong."""

    seed: int
    hours: int
    listening: tuple[Listening, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    def keep(self, places: Iterable[int]) -> "Storm":
        """The same storm with these of its parts only: first the listening, then the troubles."""
        wanted, listening = set(places), len(self.listening)
        return replace(
            self,
            listening=tuple(part for place, part in enumerate(self.listening) if place in wanted),
            troubles=tuple(part for place, part in enumerate(self.troubles, listening) if place in wanted),
        )

    @property
    def measures(self) -> list[Measure]:
        return [measure for trouble in self.troubles for measure in trouble.measures]

    @property
    def parts(self) -> int:
        return len(self.listening) + len(self.troubles)

    @property
    def quiet_slots(self) -> tuple[int, int]:
        """The hours of the two slots after the storm: at once, and when even the latest play shows."""
        minutes = [
            minutes
            for listening in self.listening
            for minutes in (*listening.late_minutes.values(), *listening.ahead_minutes.values())
        ]
        minutes += [(m.retry_after_seconds or 0) // 60 for m in self.measures if isinstance(m, SpotifyFault)]
        return self.hours, self.hours + max(minutes, default=0) // 60 + 1


def draw(seed: int) -> Storm:
    """The storm of this seed."""
    rng = Random(seed)
    hours = rng.choice((1, 2, 2, 3, 3, 4, 5))
    listening = tuple(part for hour in range(hours) for name in LISTENERS if (part := _listening(rng, hour, name)))
    listening = tuple(_ahead(Random(f"{seed} ahead"), listening))
    if rng.random() < LONE_SHARE:
        kind = rng.choice(list(LONE_KINDS))
        return Storm(seed, hours, listening, (Trouble(rng.randrange(hours), kind, tuple(LONE_KINDS[kind](rng))),))
    troubles = sorted(
        (_trouble(rng, hours) for _ in range(rng.choice((0, 1, 2, 3, 4, 6, 8)))), key=lambda trouble: trouble.hour
    )
    if not LOSES_TOKENS & {trouble.kind for trouble in troubles}:
        troubles = [replace(trouble, measures=tuple(map(_at_once, trouble.measures))) for trouble in troubles]
    return Storm(seed, hours, listening, (*troubles, *_imports(Random(f"{seed} imports"), hours)))


def _imports(rng: Random, hours: int) -> Iterator[Trouble]:
    """From dice of their own: the other troubles of a seed are the same with them and without."""
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 3))):
        undone_after = rng.choice((None, 0, 0, 1, 2))
        kind = IMPORTED if undone_after is None else UNDONE
        yield Trouble(
            rng.randrange(hours), kind, (Import(rng.choice(LISTENERS), rng.choice((0, 0, 1, 2)), undone_after),)
        )


def _at_once(measure: Measure) -> Measure:
    return replace(measure, old_dies_at_once=True) if isinstance(measure, Rotate) else measure


def _listening(rng: Random, hour: int, listener: str) -> Listening | None:
    """Nothing, a little, a lot, or more than Spotify shows."""
    plays = rng.choice((0, 0, 0, rng.randint(1, 6), rng.randint(1, 6), rng.randint(15, 49), 50, rng.randint(51, 90)))
    if not plays:
        return None
    late = rng.choices(range(plays), k=rng.choice((0, 0, 0, 1, 3)))
    never = rng.choices(range(plays), k=rng.choice((0, 0, 0, 0, 0, 2)))
    return Listening(hour, listener, plays, {place: _late_minutes(rng) for place in sorted(late)}, frozenset(never))


def _ahead(rng: Random, listening: Iterable[Listening]) -> Iterator[Listening]:
    """From dice of their own, as imports. Some clocks are ahead, by so much that the plays may still be to come."""
    for part in listening:
        places = rng.sample(range(part.plays), min(part.plays, rng.choice((0, 0, 0, 0, 0, 1, 3))))
        yield replace(part, ahead_minutes={place: rng.randint(65, LONGEST_AHEAD_MINUTES) for place in places})


def _late_minutes(rng: Random) -> int:
    """From two minutes to two days; short delays are as likely as long ones."""
    return round(2 * (LONGEST_LATE_MINUTES / 2) ** rng.random())


def _trouble(rng: Random, hours: int) -> Trouble:
    kind = rng.choices(list(_WEIGHTED), [weight for weight, _ in _WEIGHTED.values()])[0]
    return Trouble(rng.randrange(hours), kind, tuple(_WEIGHTED[kind][1](rng)))


# What goes wrong

Measures = Callable[[Random], Iterable[Measure]]

GOOGLE_ERRORS = {
    403: ("rateLimitExceeded", "PERMISSION_DENIED"),
    409: ("duplicate", "ALREADY_EXISTS"),
    412: ("conditionNotMet", "FAILED_PRECONDITION"),
    429: ("rateLimitExceeded", "RESOURCE_EXHAUSTED"),
    500: ("internalError", "INTERNAL"),
    503: ("backendError", "UNAVAILABLE"),
}


def _google_error(match: str, status: int, **details: Any) -> Fault:
    reason, rpc_status = GOOGLE_ERRORS[status]
    error = {"code": status, "message": "Ordered to fail", "status": rpc_status}
    error["errors"] = [{"domain": "global", "reason": reason, "message": "Ordered to fail"}]
    return Fault(match, status=status, body=json.dumps({"error": error}), **details)


def _times(rng: Random) -> int:
    """Mostly a moment; now and then longer than any time-out."""
    return rng.choice((1, 1, 1, 2, 3, 5, 60))


def _when(rng: Random) -> Literal["before", "after"]:
    return rng.choice(("before", "after"))


def _google(match: str, *statuses: int, calls: int = 1) -> Measures:
    """One of `calls` calls fails: before it does anything, or after, when only its answer is wrong."""
    return lambda rng: [
        _google_error(match, rng.choice(statuses), when=_when(rng), skip=rng.randrange(calls), times=_times(rng))
    ]


def _lost(match: str, calls: int) -> Measures:
    return lambda rng: [Fault(match, "drop", _when(rng), rng.randrange(calls), rng.choice((1, 1, 2, 60)))]


def _spotify(*names: str, endpoints: tuple[str | None, ...] = (None,), **details: Any) -> Measures:
    return lambda rng: [
        SpotifyFault(
            rng.choice(names),
            listener=rng.choice((None, *LISTENERS)),
            endpoint=rng.choice(endpoints),
            times=rng.choice((1, 1, 2, 4)),
            skip=rng.choice((0, 0, 0, 1)),
            **details,
        )
    ]


def _short_pause(rng: Random) -> Iterable[Measure]:
    seconds = rng.choice((None, 0, 1, 5, 29, 31, 120, 3000))
    yield SpotifyFault(
        rng.choice(("rate_limited", "rate_limited_text")),
        endpoint=rng.choice(("token", "recently-played")),
        times=rng.choice((1, 2)),
        skip=rng.choice((0, 1)),
        retry_after_seconds=seconds,
    )


def _by_hand(rng: Random) -> Iterable[Measure]:
    """Often in the last minute, where a slot that lies ahead may be the schedule's."""
    yield Force(tuple(sorted(rng.choices((*range(60), *(59,) * 10), k=rng.choice((1, 1, 2))))))


def _two_loads(rng: Random) -> Iterable[Measure]:
    """A MERGE is still running when a forced run lands the same plays once more."""
    yield Fault(MERGE, "overlap", times=rng.choice((1, 1, 2)))
    yield Force((rng.choice((0, 0, 0, 1, 5)),))


def _rotation_then(*failures: Measures) -> Measures:
    def measures(rng: Random) -> Iterable[Measure]:
        yield Rotate(rng.choice(LISTENERS))
        for failure in failures:
            yield from failure(rng)

    return measures


MERGE = "bigquery job query merge"
_TOKEN, _PAGE = "spotify POST /api/token", "spotify GET /v1/me/player/recently-played"
_BOTH = ("token", "recently-played")
_SECRETS = r"gcp (GET|POST) /v1/projects/[^/]+/secrets"
_BATCHES = r"gcp (GET|POST) .*/batches"

_WEIGHTED: dict[str, tuple[int, Measures]] = {
    # Cloud Scheduler
    "the schedule calls twice": (2, lambda rng: [Call(times=2)]),
    "the schedule calls late": (1, lambda rng: [Call(late_minutes=rng.randint(1, 58))]),
    "the schedule does not call": (1, lambda rng: [Call(times=0)]),
    "fired by hand": (3, _by_hand),
    # the functions
    "a function is killed": (12, lambda rng: [Fault("", "stop", _when(rng), rng.randrange(50))]),
    "a function is killed twice": (3, lambda rng: [Fault("", "stop", _when(rng), rng.randrange(40)) for _ in "12"]),
    "a handler that outlives its time-out": (
        3,
        lambda rng: [Outlive(rng.randrange(14)) for _ in range(rng.choice((1, 2)))],
    ),
    "two loads at once": (3, _two_loads),
    # events
    "an event comes twice": (3, lambda rng: [Fault("events deliver", "twice", times=2)]),
    "an event comes an hour later": (3, lambda rng: [Fault("events deliver", "late", overtaken_by=None)]),
    "events come out of order": (2, lambda rng: [Fault("events deliver", "late", overtaken_by=1)]),
    "a delivery fails": (
        3,
        lambda rng: [Fault("events deliver", "drop", _when(rng), rng.randrange(2), rng.choice((1, 3)))],
    ),
    # Spotify
    "429 with a short pause": (4, _short_pause),
    "429 for a day": (
        1,
        lambda rng: [SpotifyFault("quota_exceeded", skip=rng.randrange(2), retry_after_seconds=DAY_LONG_PAUSE_SECONDS)],
    ),
    "429, quota without Retry-After": (1, lambda rng: [SpotifyFault("quota_exceeded", skip=rng.randrange(2))]),
    "5xx": (4, _spotify("server_error", "bad_gateway", "gateway_timeout_html", endpoints=_BOTH)),
    "503 page of the token endpoint": (2, _spotify("token_503_html")),
    "no answer from Spotify": (3, _spotify("dropped", endpoints=_BOTH)),
    "no answer from Spotify in time": (1, _spotify("slow", endpoints=_BOTH, seconds=SLOW_SECONDS)),
    "a body cut in half": (3, _spotify("body_cut_in_half", endpoints=_BOTH)),
    "an answer that makes no sense": (2, _spotify("not_json", "empty_body", "json_of_another_shape", endpoints=_BOTH)),
    "a page of hours ago": (2, _spotify("stale", seconds=9000.0)),
    "an access token is refused": (2, _spotify("access_token_expired", "access_token_invalid", endpoints=_BOTH[1:])),
    "403 for a listener or the app": (
        2,
        _spotify("premium_lapsed", "not_registered_2026", "forbidden", endpoints=_BOTH[1:]),
    ),
    "invalid_client": (1, _spotify("invalid_client")),
    "a false invalid_grant": (2, _spotify("invalid_grant_revoked", "invalid_grant_unknown")),
    "a listener takes consent back": (2, lambda rng: [Revoke(rng.choice(LISTENERS), rng.randint(1, 3))]),
    "a refresh token rotates": (3, _rotation_then()),
    "a rotation whose answer is lost": (3, _rotation_then(_lost(_TOKEN, 2))),
    "a rotation, then no page": (3, _rotation_then(_spotify("gateway_timeout_html", endpoints=_BOTH[1:]))),
    "a rotation, then no place to keep it": (3, _rotation_then(_google(_SECRETS, 429, 500, 503, calls=4))),
    # Google
    "Secret Manager fails": (3, _google(_SECRETS, 403, 429, 500, 503, calls=5)),
    "an upload fails": (4, _google("gcp POST /upload", 412, 429, 503)),
    "an object cannot be read": (1, _google(r"gcp GET .*/o/", 429, 503)),
    "BigQuery fails": (6, _google("bigquery (GET|POST)", 500, 503, calls=12)),
    "BigQuery says 409": (3, _google("bigquery POST .*/(jobs|tables)", 409, calls=3)),
    "BigQuery limits the rate": (2, _google("bigquery POST", 403, calls=8)),
    "a BigQuery job fails": (
        4,
        lambda rng: [
            Fault(
                "bigquery job", "fail", skip=rng.randrange(6), times=rng.choice((1, 2, 4)), reason=rng.choice(_REASONS)
            )
        ],
    ),
    "a connection to Google is lost": (5, _lost("^(gcp|bigquery) ", 25)),
    "publishing fails": (3, _google("gcp POST .*:publish", 429, 500, 503)),
    "Dataproc fails": (3, _google(_BATCHES, 403, 429, 500, 503, calls=2)),
    "Dataproc refuses the batch": (1, lambda rng: [Fault("gcp POST .*/batches", status=400, times=rng.choice((1, 2)))]),
    "a batch fails": (2, lambda rng: [EndBatch(rng.choice(("FAILED", "CANCELLED")))]),
    "a batch hangs": (2, lambda rng: [EndBatch("hangs")]),
}
LONE_SHARE = 0.04
LONE_KINDS: dict[str, Measures] = {
    "a rotation that ends the old token, then no page": lambda rng: [
        Rotate(name := rng.choice(LISTENERS), old_dies_at_once=True),
        SpotifyFault("gateway_timeout_html", listener=name, endpoint="recently-played", times=12),
    ],
}
"""These come without any other trouble."""
IMPORTED, UNDONE = "an export is imported", "an import is undone"
KINDS = (*_WEIGHTED, *LONE_KINDS, IMPORTED, UNDONE)
LOSES_TOKENS = {
    "a function is killed",
    "a function is killed twice",
    "no answer from Spotify",
    "no answer from Spotify in time",
    "a body cut in half",
    "an answer that makes no sense",
    "a rotation whose answer is lost",
    "a rotation, then no place to keep it",
    "Secret Manager fails",
    "a connection to Google is lost",
}
"""With one of these a token that Spotify has given may not arrive, or not be kept: the old one must stay good."""
_REASONS = ("backendError", "internalError", "rateLimitExceeded", "jobBackendError", "stopped")
