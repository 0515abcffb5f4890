"""Audio features of the plays, weighted by listening time, and what Spotify itself lists of the tracks."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

import humanize
from analysis.history import History, amounts, month_on

MOOD_POINTS = 400
TEMPO_BIN = 5
LENGTH_BINS_MINUTES = (0, 1, 2, 3, 4, 5, 6, 8, 10, np.inf)


class Feature(NamedTuple):
    """One audio feature between 0 and 1, with words for its two ends and for music that is nearer to one of them."""

    key: str
    name: str
    low: str
    high: str
    lower: str
    higher: str


FEATURES = (
    Feature("energy", "Energy", "calm", "intense", "calmer", "more intense"),
    Feature("danceability", "Danceability", "still", "danceable", "less danceable", "more danceable"),
    Feature("valence", "Mood (valence)", "sad", "happy", "sadder", "happier"),
    Feature("acousticness", "Acousticness", "electric", "acoustic", "more electric", "more acoustic"),
    Feature("instrumentalness", "Instrumental", "vocal", "no vocals", "less instrumental", "more instrumental"),
    Feature("liveness", "Live feel", "studio", "live", "less like a concert", "more like a concert"),
    Feature("speechiness", "Spoken word", "sung", "spoken", "less like speech", "more like speech"),
)


@dataclass(frozen=True)
class Coverage:
    """Share of listening time (of plays where no length is known) with known features, and their providers, the largest
    first."""

    share: float
    sources: tuple[str, ...]


@dataclass(frozen=True)
class WithoutFeatures:
    """What Spotify returns for every track. None where nothing is known."""

    lengths: pd.DataFrame
    """from_minutes, to_minutes (inf in the last row), share."""
    average_minutes: float | None
    explicit_share: float | None
    popularity: float | None


def coverage(history: History, plays: pd.DataFrame) -> Coverage:
    per_track = _tracks_of(history, plays)
    whole, known = per_track["weight"].sum(), per_track[per_track["energy"].notna()]
    if not whole or known.empty:
        return Coverage(0.0, ())
    per_source = known.groupby(known["features_source"].fillna("unknown"))["weight"].sum()
    return Coverage(float(per_source.sum() / whole), tuple(per_source.sort_values(ascending=False).index.astype(str)))


def feature_rows(history: History, plays: pd.DataFrame, all_time: pd.DataFrame) -> pd.DataFrame:
    """A row per feature that is known: `Feature`, mean, q1, q3, usual (the mean of all time), change."""
    period = _tracks_of(history, plays)
    # Weighed alike: by plays where the period has no length, or its tracks would weigh nothing in all time.
    ever = _tracks_of(history, all_time if plays["heard_ms"].any() else all_time.assign(heard_ms=0))
    rows = []
    for feature in FEATURES:
        values, weights = _known(period, feature.key)
        if not len(values):
            continue
        usual_values, usual_weights = _known(ever, feature.key)
        mean, usual = np.average(values, weights=weights), np.average(usual_values, weights=usual_weights)
        q1, q3 = map(float, np.quantile(values, (0.25, 0.75), weights=weights, method="inverted_cdf"))
        rows.append((*feature, float(mean), q1, q3, float(usual), float(mean - usual)))
    columns = ["feature", *Feature._fields[1:], "mean", "q1", "q3", "usual", "change"]
    return pd.DataFrame(rows, columns=columns)


def changes(rows: pd.DataFrame, count: int = 3) -> pd.DataFrame:
    """The features that are furthest from their usual value, the largest change first."""
    return rows.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True).head(count)


def mood(history: History, plays: pd.DataFrame) -> pd.DataFrame:
    """The most played tracks with both features: name, artist_name, valence, energy, weight, minutes; at most 400."""
    per_track = _tracks_of(history, plays).dropna(subset=["valence", "energy"])
    shown = per_track.nlargest(MOOD_POINTS, "weight").reset_index(drop=True)
    names = [humanize.named(name, "track") for name in shown["track_name"]]
    columns = ["name", "artist_name", "valence", "energy", "weight", "minutes"]
    return shown.assign(name=names, minutes=shown["heard_ms"] / 60_000)[columns]


def quadrants(moods: pd.DataFrame) -> dict[str, float]:
    """Share of the weight in each corner of the mood map."""
    is_happy, is_intense = moods["valence"] >= 0.5, moods["energy"] >= 0.5
    word = np.select([is_happy & is_intense, is_happy, is_intense], ["upbeat", "calm, happy", "tense"], "sad")
    whole = moods["weight"].sum()
    shares = moods.groupby(word)["weight"].sum() / whole if whole else pd.Series(dtype=float)
    return {corner: float(shares.get(corner, 0.0)) for corner in ("upbeat", "calm, happy", "tense", "sad")}


def tempo(history: History, plays: pd.DataFrame) -> pd.DataFrame:
    """Tempo in steps of five beats a minute: bpm_from, share of listening time; steps between are there with 0."""
    values, weights = _known(_tracks_of(history, plays), "tempo")
    values, weights = values[values > 0], weights[values > 0]
    if not len(values) or not weights.sum():
        return pd.DataFrame({"bpm_from": pd.Series(dtype="int64"), "share": pd.Series(dtype="float64")})
    step = (values // TEMPO_BIN).astype("int64")
    per_step = np.bincount(step, weights=weights)
    first = int(step.min())
    return pd.DataFrame(
        {"bpm_from": np.arange(first, len(per_step)) * TEMPO_BIN, "share": per_step[first:] / weights.sum()}
    )


def feature_trend(history: History, local: pd.DataFrame, feature: str) -> pd.DataFrame:
    """A row per month with plays whose feature is known: month_on, mean (weighted by time)."""
    value = history.tracks[feature].to_numpy(dtype="float64", na_value=np.nan)[local["track"].to_numpy()]
    weight = _weights(local)
    known = ~np.isnan(value) & (weight.to_numpy() > 0)
    ms = weight[known]
    sums = pd.DataFrame({"weighted": value[known] * ms, "ms": ms}).groupby(month_on(local).rename("month_on")).sum()
    return (sums["weighted"] / sums["ms"]).rename("mean").reset_index()


def without_features(history: History, plays: pd.DataFrame) -> WithoutFeatures:
    names = ["duration_ms", "popularity", "explicit"]
    tracks = history.tracks[names].iloc[plays["track"]]
    length_ms, popularity, explicit = (tracks[name].dropna().astype(float) for name in names)
    bins = np.array(LENGTH_BINS_MINUTES)
    counted = np.histogram(length_ms / 60_000, bins=bins)[0]
    share = counted / len(length_ms) if len(length_ms) else counted.astype(float)
    return WithoutFeatures(
        lengths=pd.DataFrame({"from_minutes": bins[:-1], "to_minutes": bins[1:], "share": share}),
        average_minutes=float(length_ms.mean()) / 60_000 if len(length_ms) else None,
        explicit_share=float(explicit.mean()) if len(explicit) else None,
        popularity=float(popularity.mean()) if len(popularity) else None,
    )


def _weights(plays: pd.DataFrame) -> pd.Series:
    """Listening time in ms; one for each play where no length is known."""
    return plays["heard_ms"] if plays["heard_ms"].any() else amounts(plays, "Plays")


def _tracks_of(history: History, plays: pd.DataFrame) -> pd.DataFrame:
    """The tracks of these plays, with weight and heard_ms."""
    sums = plays[["heard_ms"]].assign(weight=_weights(plays)).groupby(plays["track"]).sum()
    return history.tracks.iloc[sums.index].assign(
        weight=sums["weight"].to_numpy(), heard_ms=sums["heard_ms"].to_numpy()
    )


def _known(per_track: pd.DataFrame, feature: str) -> tuple[np.ndarray, np.ndarray]:
    """The values that are known and weigh something, and their weights."""
    values, weights = per_track[feature].to_numpy(dtype="float64", na_value=np.nan), per_track["weight"].to_numpy()
    known = ~np.isnan(values) & (weights > 0)
    return values[known], weights[known]
