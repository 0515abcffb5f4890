"""A listener's history, ready to count: plays with their tracks, recordings, artists and albums.

What counts is decided here, as in the Spark job: a play of 30 seconds or more in an export, or one that only
the API reported.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from analysis import in_bounds

EXPORT_COUNTS_FROM_MS = 30_000
UNKNOWN = "Unknown"
_NAMES = ["track_name", "artist_id", "artist_name", "artist_names"]
_NAMES += ["album_id", "album_name", "album_release_date", "image_url"]
_KEPT_ZONES = 4
# Sound has been recorded since 1860. Spotify's 0000, or any other year without music, would be a bar centuries away.
_RELEASED = (1860, 2100)
_SEPARATOR = "; "
_WORD = pa.dictionary(pa.int32(), pa.string())
_LINE = {
    **{"played_at": pa.int64(), "ms_played": pa.int64()},
    **{"source": _WORD, "context_type": _WORD, "ending": _WORD},
}
"""A play as queries/plays.sql writes it."""


@dataclass(frozen=True)
class History:
    """Everything known of one listener in one version of the warehouse. Frames are read, never changed.

    `plays`: played_at, track (row of `tracks`), heard_ms, measured, counts, source, context_type, ending; the oldest
    first.
    `tracks`: one row per track id, with artist_key, album_key, release_year and `recording`, the row of the track
    that stands for it: of several ids with one ISRC the one played last.
    """

    plays: pd.DataFrame
    tracks: pd.DataFrame
    _local: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        return not len(self.plays)

    def newest_at(self, now: datetime) -> datetime | None:
        """The newest play up to now, where any is: a clock that was ahead may have put others further."""
        at = self.plays["played_at"]
        return None if self.is_empty else at.iloc[max(int((at <= now).sum()) - 1, 0)].to_pydatetime()

    @property
    def oldest_at(self) -> datetime | None:
        return None if self.is_empty else self.plays["played_at"].iloc[0].to_pydatetime()

    def local(self, zone: str) -> pd.DataFrame:
        """The plays that count on the clock of a time zone: adds wall, day, hour, weekday (0 is Monday), recording."""
        local = self._local.get(zone)
        if local is None:
            # Other browser sessions share this history: another one may drop a zone at any moment.
            kept = list(self._local)
            for oldest in kept[: max(0, len(kept) + 1 - _KEPT_ZONES)]:
                self._local.pop(oldest, None)
            local = self._local[zone] = _in_zone(self.counting, zone)
        return local

    @cached_property
    def counting(self) -> pd.DataFrame:
        """The plays that count, with their recording."""
        counted = self.plays[self.plays["counts"]].drop(columns=["counts", "ending"]).reset_index(drop=True)
        return counted.assign(recording=self.per_play("recording", counted))

    @cached_property
    def stored(self) -> pd.DataFrame:
        """Every play, also those that do not count: played_at, track, ending, recording."""
        return self.plays[["played_at", "track", "ending"]].assign(recording=self.per_play("recording", self.plays))

    @cached_property
    def first_recordings(self) -> pd.Series:
        """The first play of each recording, by recording."""
        return self.counting.drop_duplicates("recording").set_index("recording")["played_at"]

    @cached_property
    def first_artists(self) -> pd.Series:
        """The first play of each credited artist, by artist_key."""
        first = self.counting.drop_duplicates("track").set_index("track")["played_at"].rename("first_at")
        return self.credits.join(first, on="track", how="inner").groupby("artist_key")["first_at"].min()

    @cached_property
    def credits(self) -> pd.DataFrame:
        """A row is one artist credited on one track: track, artist_key. Every credited artist gets the play."""
        exploded = self.tracks["artist_keys"].explode().dropna()
        return pd.DataFrame({"track": exploded.index.to_numpy(), "artist_key": exploded.to_numpy()})

    @cached_property
    def artists(self) -> pd.DataFrame:
        """Per artist_key: artist_id (None where it is unknown), and artist_name of the track played last."""
        keys = pd.Index(self.credits["artist_key"].unique())
        ids = [None if key.startswith("name:") else key for key in keys]
        return pd.DataFrame({"artist_name": keys.map(_artist_names(self._last_of_tracks())), "artist_id": ids}, keys)

    @cached_property
    def albums(self) -> pd.DataFrame:
        """Per album_key: album_name, album_id, artist_name, artist_key, image_url."""
        last = self._last_of_tracks()
        columns = ["album_name", "album_id", "artist_name", "artist_key", "image_url"]
        return last.dropna(subset="album_key").groupby("album_key", sort=False)[columns].last()

    def per_play(self, column: str, plays: pd.DataFrame) -> np.ndarray:
        """A column of `tracks`, a value for each of the plays."""
        return cast(np.ndarray, self.tracks[column].to_numpy()[plays["track"].to_numpy()])

    def _last_of_tracks(self) -> pd.DataFrame:
        last_at = self.plays.groupby("track")["played_at"].max()
        return self.tracks.assign(last_at=last_at).sort_values("last_at", kind="stable")


def to_plays(packed: pa.Table) -> pd.DataFrame:
    """The plays of queries/plays.sql as a row each, the oldest first.

    played_at, track_id, source, context_type, ms_played (-1 where it is unknown), ending (end, skip, other; else NULL).
    """
    ids, lists = packed.column("track_id").to_pylist(), packed.column("played").to_pylist()
    fields = _parse_lines("\n".join(lists)).to_pandas()
    counts = [played.count("\n") + 1 for played in lists]
    instants = fields.pop("played_at").astype("datetime64[ms]").dt.tz_localize("UTC")
    rows = fields.assign(track_id=pd.Categorical(ids, ordered=True).repeat(counts), played_at=instants)
    ordered = in_bounds.plays(rows).sort_values(["played_at", "track_id"], ignore_index=True)
    return ordered.drop_duplicates(["played_at", "track_id"], ignore_index=True)


def _parse_lines(lines: str) -> pa.Table:
    if not lines:  # which Arrow refuses
        return pa.schema(_LINE).empty_table()
    return pyarrow.csv.read_csv(
        io.BytesIO(lines.encode()),
        pyarrow.csv.ReadOptions(column_names=list(_LINE)),
        pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
        pyarrow.csv.ConvertOptions(column_types=_LINE, null_values=[""], strings_can_be_null=True),
    )


def to_history(plays: pd.DataFrame, tracks: pd.DataFrame) -> History:
    """The plays of a listener and their tracks, joined and made ready. Tracks without a play are left out."""
    ids = pd.Index(plays["track_id"].astype(str))
    tracks = in_bounds.tracks(tracks[tracks["track_id"].isin(ids.unique())].drop_duplicates("track_id"))
    tracks = tracks.sort_values("track_id", ignore_index=True)
    track = pd.Index(tracks["track_id"]).get_indexer(ids)
    ready = _ready(plays[track >= 0].reset_index(drop=True), track[track >= 0], tracks)
    recording = _recordings(tracks, ready)
    # Names that are missing come from another id of the recording: Spotify empties them when music is taken down.
    names = tracks[_NAMES].replace("", None)
    named = tracks.assign(**names.fillna(names.groupby(recording).transform("first")))
    return History(ready, _with_keys(named, recording))


def _ready(plays: pd.DataFrame, track: np.ndarray, tracks: pd.DataFrame) -> pd.DataFrame:
    played_ms = plays["ms_played"].to_numpy()
    length_ms = pd.to_numeric(tracks["duration_ms"]).to_numpy(dtype="float64", na_value=np.nan)[track]
    measured = played_ms >= 0
    heard_ms = np.where(measured, played_ms, np.nan_to_num(length_ms)).astype("int64")
    is_from_api_alone = (plays["source"] == "api").to_numpy() & ~measured
    return pd.DataFrame(
        {
            "played_at": plays["played_at"],
            "track": track,
            "heard_ms": heard_ms,
            "measured": measured,
            "counts": is_from_api_alone | (played_ms >= EXPORT_COUNTS_FROM_MS),
            "source": plays["source"],
            "context_type": plays["context_type"],
            "ending": plays["ending"],
        }
    )


def _with_keys(tracks: pd.DataFrame, recording: np.ndarray) -> pd.DataFrame:
    """Adds artist_keys, artist_key, album_key, release_year and recording."""
    ids = ids_by_name(tracks)
    named = zip(tracks["artist_id"], tracks["artist_name"], tracks["artist_names"], strict=True)
    credited = [_credited(artist_id, name, names, ids) for artist_id, name, names in named]
    first = [keys[0] if keys else None for keys in credited]
    album = _album_keys(tracks["album_id"], tracks["album_name"], pd.Series(first, dtype="object"))
    year = pd.to_numeric(tracks["album_release_date"].str.slice(0, 4), errors="coerce").astype("Int64")
    return tracks.assign(
        artist_keys=pd.Series(credited, dtype="object"),
        artist_key=pd.Series(first, dtype="object"),
        album_key=album.astype("object"),
        release_year=year.where(year.between(*_RELEASED)),
        recording=recording,
    )


def _album_keys(ids: pd.Series, names: pd.Series, artist_keys: pd.Series) -> pd.Series:
    """The id; of a track that only an export knows, that of the artist's album of this name, if one has it."""
    rows = pd.DataFrame({"artist": artist_keys, "name": names, "id": ids})
    known = rows.dropna().drop_duplicates().drop_duplicates(["artist", "name"], keep=False)
    of_name = rows[["artist", "name"]].merge(known, "left", on=["artist", "name"])["id"]
    by_name = "name:" + artist_keys.fillna("").astype(str) + "/" + names.astype(str)
    return ids.fillna(of_name).fillna(by_name)


def _recordings(tracks: pd.DataFrame, plays: pd.DataFrame) -> np.ndarray:
    """For every track the row of the id that was played last among those with its ISRC.

    Ties go to the greatest id, as in the Spark job; `tracks` are in the order of their ids.
    """
    isrc = tracks["isrc"].where(tracks["isrc"].notna() & (tracks["isrc"] != ""), tracks["track_id"])
    played = plays[plays["counts"]].groupby("track")["played_at"].max()
    last_ms = played.reindex(range(len(tracks))).astype("datetime64[ms, UTC]").astype("int64")
    order = pd.DataFrame({"isrc": isrc, "last_ms": last_ms, "row": np.arange(len(tracks))})
    newest = order.sort_values(["last_ms", "row"], kind="stable").groupby("isrc")["row"].last()
    return np.asarray(isrc.map(newest), dtype="int64")


def ids_by_name(tracks: pd.DataFrame) -> dict[str, str]:
    """Names that belong to exactly one artist id: the way to an id for artists credited second."""
    pairs = tracks[["artist_name", "artist_id"]].dropna().drop_duplicates()
    return dict(pairs.drop_duplicates("artist_name", keep=False).itertuples(index=False, name=None))


def _credited(artist_id: Any, name: Any, names: Any, ids: Mapping[str, str]) -> tuple[str, ...]:
    """Keys of all artists of a track, the first credited one first: the id where it is known, else the name."""
    first_name = name if isinstance(name, str) and name else None
    every = names.split(_SEPARATOR) if isinstance(names, str) and names else []
    # The first name may itself hold the separator.
    rest = every[len(first_name.split(_SEPARATOR)) :] if first_name else every
    keys = [ids.get(other, f"name:{other}") for other in rest]
    if isinstance(artist_id, str) and artist_id:
        keys.insert(0, artist_id)
    elif first_name:
        keys.insert(0, ids.get(first_name, f"name:{first_name}"))
    return tuple(dict.fromkeys(keys))


def _artist_names(tracks: pd.DataFrame) -> dict[str, str]:
    """By artist_key. Where an artist has several names, the last track's counts."""
    known = tracks[["artist_key", "artist_name"]].dropna()
    names = dict(known.itertuples(index=False, name=None))
    # An id without a name stays without one.
    others = {key for keys in tracks["artist_keys"] for key in keys if key.startswith("name:") and key not in names}
    return {**names, **{key: key.removeprefix("name:") for key in others}}


def _in_zone(plays: pd.DataFrame, zone: str) -> pd.DataFrame:
    wall = plays["played_at"].dt.tz_convert(zone).dt.tz_localize(None)
    return plays.assign(
        wall=wall,
        day=wall.dt.normalize(),
        hour=wall.dt.hour.astype("int8"),
        weekday=wall.dt.day_of_week.astype("int8"),
    )


def minutes(plays: pd.DataFrame) -> float:
    return float(plays["heard_ms"].sum()) / 60_000


def measured_share(plays: pd.DataFrame) -> float:
    """Share of the minutes that an export measured; the others are the tracks' lengths. 1 where no minute is known."""
    heard_ms = int(plays["heard_ms"].sum())
    return int(plays["heard_ms"].to_numpy()[plays["measured"].to_numpy()].sum()) / heard_ms if heard_ms else 1.0


def month_on(plays: pd.DataFrame) -> pd.Series:
    """The first day of each play's month."""
    return pd.Series(plays["wall"].to_numpy().astype("datetime64[M]").astype("datetime64[s]"), index=plays.index)


def amounts(plays: pd.DataFrame, by: str) -> pd.Series:
    """What each play adds: its minutes, or one."""
    return cast(pd.Series, exact_amounts(plays, by) / per_amount(by))


def exact_amounts(plays: pd.DataFrame, by: str) -> pd.Series:
    """The same in milliseconds, or one: whole numbers, whose sums can be compared."""
    return plays["heard_ms"] if by == "Minutes" else pd.Series(1, index=plays.index)


def per_amount(by: str) -> int:
    """How many of the `exact_amounts` are one of the `amounts`."""
    return 60_000 if by == "Minutes" else 1
