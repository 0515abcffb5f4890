"""Compares every figure that the demo reports with its expected value: a check per figure.

The expected values are computed from the invented Spotify's own memory alone. The stored ones are read with Google's
client, which takes a second for a thousand wide rows: plays come as one row per track and place, with their instants
in a list.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import requests

from localcloud import ledger
from localcloud.demo.past import from_export, lives, past_files
from localcloud.demo.recount import completed, differing_tracks, top_tracks
from localcloud.demo.story import Story
from localcloud.gcp.credentials import bearer
from localcloud.gcp.set_up import ROOT
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import AudioFeatures, Track
from localcloud.supervisor import RunningCloud

Row = dict[str, Any]
Gap = tuple[str, datetime, datetime, str]
"""Listener, newest play before it, oldest play after it, and the run that noticed."""


@dataclass
class Truth:
    """What the warehouse must hold."""

    plays: dict[tuple[str, datetime, str], Row] = field(default_factory=dict)
    """Every play of the past and every play that a page has shown, by the key of the table `plays`, with all columns
    but ingested_at."""
    tracks: dict[str, Track] = field(default_factory=dict)
    """The tracks of these plays, by id."""
    shown: dict[datetime, int] = field(default_factory=dict)
    """How many items the pages of each slot held."""
    landed: dict[datetime, int] = field(default_factory=dict)
    """How many plays each slot had to land, the past's files included; slots with nothing new are absent."""
    gaps: dict[Gap, int] = field(default_factory=dict)
    """The gaps, and how many plays Spotify did not show any more in each."""


def read_truth(laptop: RunningCloud, story: Story, seed: int) -> Truth:
    """The past, then the pages that the invented Spotify has answered, hour by hour."""
    every = lives(seed)
    truth = Truth()
    for file in past_files(every, story.past_until):
        for play in file.plays:
            _add(truth, play, file.slot, with_features=file.with_features)
            truth.plays[play.listener, play.played_at, play.track.id] |= from_export(play, story.past_until)
    for slug, life in every.items():
        # By `played_at` in Spotify's form, from before the first page's 50 on.
        plays = life.between(story.starts_at - timedelta(days=60), story.last_slot + timedelta(days=2))
        known = {f"{play.played_at:%Y-%m-%dT%H:%M:%S}.{play.played_at.microsecond // 1000:03}Z": play for play in plays}
        for slot, page in _first_pages(laptop, slug):
            _replay(truth, life, slot, [known[played_at] for played_at in page])
    return truth


def _first_pages(laptop: RunningCloud, listener: str) -> Iterator[tuple[datetime, Sequence[str]]]:
    """Slot and page of every first answer in it: a slot that is called twice has landed already."""
    slots: set[datetime] = set()
    for answer in laptop.control("spotify", "GET", f"pages?listener={listener}"):
        slot = datetime.fromisoformat(answer["at"]).replace(minute=0, second=0, microsecond=0)
        if slot not in slots:
            slots.add(slot)
            yield slot, answer["played_at"]


def _replay(truth: Truth, life: Life, slot: datetime, page: Sequence[Play]) -> None:
    truth.shown[slot] = truth.shown.get(slot, 0) + len(page)
    gap = _gap_before(truth, slot, page)
    for play in page:
        _add(truth, play, slot, with_features=True)
    if gap:
        listener, start, end, _ = gap
        shown = [play for play in life.between(start, end) if play.is_visible(Story.answered_at(slot))]
        truth.gaps[gap] = sum((listener, play.played_at, play.track.id) not in truth.plays for play in shown)


def _add(truth: Truth, play: Play, slot: datetime, *, with_features: bool) -> None:
    key = (play.listener, play.played_at, play.track.id)
    if key not in truth.plays:
        truth.plays[key] = expected_row(play, with_features=with_features) | {"run_id": f"{slot:%Y%m%dT%H%M%SZ}"}
        truth.landed[slot] = truth.landed.get(slot, 0) + 1
        truth.tracks[play.track.id] = play.track


def _gap_before(truth: Truth, slot: datetime, page: Sequence[Play]) -> Gap | None:
    """A page whose oldest play was not known, although older plays were."""
    if not page or (page[-1].listener, page[-1].played_at, page[-1].track.id) in truth.plays:
        return None
    listener, oldest = page[-1].listener, page[-1].played_at
    before = [played_at for slug, played_at, _ in truth.plays if slug == listener and played_at < oldest]
    return (listener, max(before), oldest, f"{slot:%Y%m%dT%H%M%SZ}") if before else None


def expected_row(play: Play, *, with_features: bool) -> Row:
    """The row of `plays`, from the simulator's memory and not from its API; without run_id and ingested_at."""
    context = play.context
    return {
        "listener_id": play.listener,
        "played_at": play.played_at,
        "context_type": context.type if context else None,
        "context_uri": context.uri if context else None,
        **track_columns(play.track),
        **(_feature_columns(play.track) if with_features else _NO_FEATURES),
    }


@cache
def track_columns(track: Track) -> Row:
    album = track.album
    return {
        "track_id": track.id,
        "track_name": track.name,
        "artist_id": track.artists[0].id,
        "artist_name": track.artists[0].name,
        "artist_names": "; ".join(artist.name for artist in track.artists),
        "album_id": album.id,
        "album_name": album.name,
        "album_release_date": album.release_date,
        "image_url": next(iter(album.image_urls.values())),
        "isrc": track.isrc,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "popularity": None,  # gone for apps in development mode
        "ms_played": None,
        "source": "api",
    }


_OF_A_ROW = ("track_id", "popularity", "ms_played", "source")
"""What `plays` has besides, and the catalogue has not."""
_FEATURES = [feature.name for feature in fields(AudioFeatures)]
_NO_FEATURES: Row = dict.fromkeys([*_FEATURES, "features_source"])


@cache
def _feature_columns(track: Track) -> Row:
    """ReccoBeats' answer for the track, if it has one: everything but the time signature."""
    is_known = track.features is not None and track.reccobeats_id is not None
    features = asdict(track.features) if is_known and track.features else dict.fromkeys(_FEATURES)
    return {**features, "time_signature": None, "features_source": "reccobeats"}


@dataclass(frozen=True)
class Check:
    name: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


def check_everything(laptop: RunningCloud, story: Story, truth: Truth) -> Iterator[Check]:
    runs = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.runs`")
    yield from _check_plays(laptop, truth)
    catalogue = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.catalogue`")
    yield from _check_catalogue(catalogue, truth)
    yield from _check_runs(runs, truth)
    yield from _check_story(laptop, runs, story)
    yield from _check_top_tracks(laptop, runs, truth, catalogue)
    yield from _check_secrets(laptop, story)


def _check_plays(laptop: RunningCloud, truth: Truth) -> Iterator[Check]:
    rows = list(read_plays(laptop.settings))
    stored = {(row["listener_id"], row["played_at"], row["track_id"]): row for row in rows}
    yield Check("plays stored", len(truth.plays), len(rows))
    yield Check("plays that Spotify showed and that are not stored", 0, len(truth.plays.keys() - stored.keys()))
    yield Check("plays that were never played", 0, len(stored.keys() - truth.plays.keys()))
    yield Check("plays counted twice", 0, len(rows) - len(stored))
    wrong = Counter(
        column
        for key in truth.plays.keys() & stored.keys()
        if stored[key] != truth.plays[key]
        for column, value in truth.plays[key].items()
        if stored[key][column] != value
    )
    yield Check("plays that differ, by column", {}, dict(wrong))
    gaps = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.gaps`")
    found = sorted((row["listener_id"], row["gap_start"], row["gap_end"], row["run_id"]) for row in gaps)
    yield Check("gaps", sorted(truth.gaps), found)


def _check_runs(runs: list[dict[str, Any]], truth: Truth) -> Iterator[Check]:
    """Every slot has its row, and no row reports what did not happen."""
    expected = Counter(
        ("ingest", "succeeded" if slot in truth.landed else "skipped", items, truth.landed.get(slot, 0))
        for slot, items in truth.shown.items()
    )
    ingest = [row for row in runs if row["step"] == "ingest"]
    # A slot that is called twice has a row for each attempt that landed nothing, and they say the same.
    outcomes = {(row["slot"], "ingest", row["state"], row["rows_in"], row["rows_new"] or 0) for row in ingest}
    found = Counter(outcome[1:] for outcome in outcomes)
    yield Check("hours with a run", len(truth.shown), len({row["slot"] for row in ingest}))
    yield Check("rows of the ledger that differ for ingest", Counter(), (expected - found) + (found - expected))
    landed = {(slot, new) for slot, new in truth.landed.items()}
    loads = {(row["slot"], row["rows_new"]) for row in runs if (row["step"], row["state"]) == ("load", "succeeded")}
    yield Check("files loaded", len(landed), len(loads))
    yield Check("loads that inserted something else than was landed", set(), landed ^ loads)
    yield Check("rows of failed steps", 0, sum(row["state"] == "failed" for row in runs))
    yield Check("rows that stand twice", 0, len(runs) - len({(r["run_id"], r["step"], r["started_at"]) for r in runs}))


def _check_story(laptop: RunningCloud, runs: list[dict[str, Any]], story: Story) -> Iterator[Check]:
    """The other listeners lose nothing by the revoked one, and the ledger says from when on."""
    without = [row for row in runs if row["step"] == "ingest" and row["error_class"] == "NeedsConsent"]
    after = [row for row in runs if row["step"] == "ingest" and row["slot"] >= story.revocation_at]
    yield Check("runs that say whose consent is missing", len(after), len(without))
    yield Check("first of them", story.revocation_at, min((row["slot"] for row in without), default=None))
    given_up = laptop.pending()["given_up"]
    yield Check("events given up", [], given_up)


def _check_catalogue(catalogue: list[Row], truth: Truth) -> Iterator[Check]:
    """A row says what Spotify shows of its track, and of audio features what ReccoBeats knows once it was called."""
    found = {row["track_id"]: row for row in catalogue}
    known = {track_id for track_id, row in found.items() if row["features_source"]}
    unlike = [
        track_id
        for track_id, row in found.items()
        if track_id not in truth.tracks
        or any(row.get(name) != value for name, value in _in_catalogue(truth, track_id, track_id in known).items())
    ]
    yield Check("tracks of the catalogue that are not as Spotify and ReccoBeats have them", [], sorted(unlike))
    yield Check("tracks that stand twice in the catalogue", 0, len(catalogue) - len(found))
    old = {row["track_id"] for row in truth.plays.values() if row["features_source"] is None}
    yield Check("tracks from before the features for which ReccoBeats was never called", set(), old - known)


def _in_catalogue(truth: Truth, track_id: str, has_features: bool) -> Row:
    shown = {name: value for name, value in track_columns(truth.tracks[track_id]).items() if name not in _OF_A_ROW}
    return shown | (_feature_columns(truth.tracks[track_id]) if has_features else _NO_FEATURES)


def _check_top_tracks(
    laptop: RunningCloud, runs: list[dict[str, Any]], truth: Truth, catalogue: list[Row]
) -> Iterator[Check]:
    """The newest batch's tables against a recount of the plays that had been shown by then."""
    rows = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.top_tracks`")
    submitted = {row["run_id"] for row in runs if (row["step"], row["state"]) == ("transform", "succeeded")}
    finished = {row["run_id"] for row in runs if (row["step"], row["state"]) == ("top_tracks", "succeeded")}
    yield Check("batches finished", submitted, finished)
    newest = max(submitted, default="")
    as_of = max((row["as_of"] for row in rows), default=datetime.min.replace(tzinfo=UTC))
    # The runs after the batch go on requesting audio features.
    read_at = max(
        (row["started_at"] for row in runs if (row["step"], row["run_id"]) == ("top_tracks", newest)), default=as_of
    )
    known = [row for row in catalogue if row["features_asked_at"] is None or row["features_asked_at"] <= read_at]
    plays = completed((row for row in truth.plays.values() if row["run_id"] <= newest), known)
    recount = top_tracks(plays, as_of)
    yield Check("run that set the newest batch off", {newest}, {row["run_id"] for row in rows})
    yield Check("rows of the top ten", len(recount), len(rows))
    bare = [{name: value for name, value in row.items() if name not in ("run_id", "computed_at")} for row in rows]
    unlike = [row for row in recount if row not in bare]
    yield Check("rows of the top ten that a recount finds different", [], unlike)
    listed = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.tracks`")
    yield Check("tracks that a recount finds different", [], differing_tracks(listed, plays, as_of))


def _check_secrets(laptop: RunningCloud, story: Story) -> Iterator[Check]:
    """The rotated token is kept, the one before it costs nothing more, and no log or object holds a secret."""
    settings = laptop.settings
    project = f"{settings['SECRETMANAGER_EMULATOR_HOST']}/v1/projects/{settings['GOOGLE_CLOUD_PROJECT']}"
    url = f"{project}/secrets/refresh-token-{story.rotated}/versions"
    answer = requests.get(url, headers=bearer(settings), timeout=10)
    answer.raise_for_status()
    states = dict(Counter(version["state"] for version in answer.json()["versions"]))
    yield Check("versions of the rotated token's secret", {"ENABLED": 1, "DESTROYED": 1}, states)
    known = json.loads((laptop.directory / "spotify.json").read_text())
    tokens = [token for consent in known["consents"] for token in (*consent["tokens"], *consent["revoked"])]
    secrets = [laptop.control("spotify", "GET", "app")["client_secret"], *tokens, *known["access"]]
    places = [path for folder in ("logs", "objects") for path in (laptop.directory / folder).rglob("*")]
    contents = {path: path.read_bytes() for path in places if path.is_file()}
    leaks = [str(path) for path, text in contents.items() if any(secret.encode() in text for secret in secrets)]
    yield Check("files that hold a token or a secret", [], leaks)


_TABLE = json.loads((ROOT / "functions/ingest/tables/plays.json").read_text())
_OF_A_PLAY = ("played_at", "run_id", "ingested_at")
COLUMNS = [column["name"] for column in _TABLE["columns"] if column["name"] not in _OF_A_PLAY]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SQL = f"""\
SELECT {", ".join(f"`{name}`" for name in COLUMNS)},
  STRING_AGG(CONCAT(CAST(UNIX_MILLIS(played_at) AS STRING), ' ', run_id), ',') AS played
FROM `{{dataset}}.plays`
GROUP BY {", ".join(f"`{name}`" for name in COLUMNS)}"""  # noqa: S608 -- names from the table's own file


def read_plays(settings: ledger.Settings) -> Iterator[dict[str, Any]]:
    """A row per stored play with all columns but ingested_at, in no order."""
    for group in ledger.read(settings, _SQL):
        about = {name: group[name] for name in COLUMNS}
        for played in group["played"].split(","):
            played_at_ms, run_id = played.split(" ")
            yield about | {"played_at": _EPOCH + timedelta(milliseconds=int(played_at_ms)), "run_id": run_id}
