"""Draws the lower sections of the Pipeline page: consents, Spark and steps, audio features, table sizes, gaps."""

from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

import humanize
from analysis import sound
from components import downloads, markup, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening
from pipeline import health, run_hours

GAPS = 10


def consent(page: Listening, runs: pd.DataFrame) -> None:
    st.header("Listeners", anchor=False)
    listeners = health.listeners(runs, page.now)
    listeners = listeners[listeners["listener_id"].isin(page.viewer.listeners)]
    ending = listeners[listeners["level"].isin(["soon", "ended", "gone"])]
    for row in ending.to_dict("records"):
        st.warning(
            f"{literal(page.viewer.label_of(row['listener_id']))}: consent {consent_ends(row, page.now)}. Run "
            f"`{page.viewer.settings.cli('authorize ' + str(row['listener_id']))}`.",
            icon=":material/key:",
        )
    if len(listeners) and (listeners["level"] == "ok").all():
        st.markdown("No consent ends in the next 30 days.")
    lines = [
        (
            page.viewer.label_of(row["listener_id"]),
            ranked_lists.text(row["state"]).replace("_", " "),
            _consent_of(row, page),
        )
        for row in listeners.to_dict("records")
    ]
    if lines:
        st.html(markup.table(("Listener", "Last run", "Days of consent left"), lines, "Days of consent left"))


def _consent_of(row: dict[Hashable, Any], page: Listening) -> str:
    if row["level"] == "gone":
        return "none, needs consent"
    if pd.isna(row["ends_at"]):
        return "unknown"
    end = humanize.day(pd.Timestamp(row["ends_at"]).tz_convert(page.filters.zone))
    return f"ended {end}" if row["level"] == "ended" else f"{int(row['days_left']):,}, until {end}"


def consent_ends(row: Mapping[Any, Any], now: datetime) -> str:
    """Of a row of `health.listeners` that is `soon`, `ended` or `gone`."""
    if row["level"] == "gone":
        return "is gone: Spotify refuses it"
    left = row["ends_at"] - now
    return f"ends in {humanize.duration(left)}" if row["level"] == "soon" else f"ended {humanize.ago(-left)}"


@page_frame.part()
def spark(page: Listening, runs: pd.DataFrame) -> None:
    st.header("Spark and steps", anchor=False)
    batch = health.spark_batch(runs, page.viewer.store.top_tracks(page.filters.listener).value, page.now)
    if batch is None:
        st.markdown("No top ten has been computed yet. The first batch starts after the first new plays.")
    elif not page.viewer.sees_batch(batch["run_id"]):
        computed_on = pd.Timestamp(page.now - batch["age"]).tz_convert(page.filters.zone)
        st.markdown(f"The top ten was computed on **{humanize.day(computed_on)}**.")
    else:
        read = f", from {humanize.plays(batch['plays'])}" if batch["plays"] is not None else ""
        st.markdown(f"The top ten is **{humanize.duration(batch['age'])}** old: run `{batch['run_id']}`{read}.")
    durations = health.durations(runs)
    lines = [
        (
            run_hours.STEP_NAMES[row["step"]],
            humanize.duration(timedelta(seconds=row["median_seconds"])),
            humanize.duration(timedelta(seconds=row["last_seconds"])),
            f"{row['runs']:,}",
        )
        for row in durations.to_dict("records")
    ]
    if lines:
        st.html(markup.table(("Step", "Median", "Last", "Runs"), lines, "How long each step takes"))


@page_frame.part()
def audio_features(page: Listening) -> None:
    """The known share of the listener's time; for viewers whose entry is `*` also the catalogue, which counts all."""
    st.header("Audio features", anchor=False)
    known = sound.coverage(page.history, page.everything)
    share = humanize.percent(known.share) if known.sources else "none"
    why = "" if known.sources else " The Sound page says how to get them."
    st.markdown(f"Known for **{share}** of the listening of {literal(page.name)}.{why}")
    if not page.viewer.sees_all:
        return
    found = page.viewer.store.catalogue()
    if not page.loaded.error:  # of which the page has warned
        page_frame.stale(found, page.filters.zone, page.now)
    row = found.value.iloc[0]
    st.markdown(catalogue_sentence(int(row["tracks"]), int(row["known"]), int(row["unknown"]), int(row["requested"])))


def catalogue_sentence(tracks: int, known: int, unknown: int, requested: int) -> str:
    """`requested`: for how many of the tracks the provider was called in the last day."""
    left = tracks - known - unknown
    sentence = f"Known for **{known:,} of {tracks:,}** {humanize.plural('track', tracks)} of all listeners"
    if unknown:
        sentence += f", {unknown:,} unknown to the provider"
    if not left:
        return f"{sentence}."
    if not requested:
        return (
            f"{sentence}. No provider was called in the last day: the setting `AUDIO_FEATURES_SOURCE` of ingest "
            "(`audio_features_source` in terraform.tfvars) chooses one."
        )
    return f"{sentence}, about {humanize.counted(-(-left // requested), 'day')} to go."


@page_frame.part()
def sizes(page: Listening) -> None:
    """Rows and bytes of each table, and the bytes billed today; only for viewers whose entry is `*`: it counts all."""
    if not page.viewer.sees_all:
        return
    st.header("Data", anchor=False)
    store = page.viewer.store
    tables = store.sizes().value.to_dict("records")
    lines = [(row["table"], f"{row['rows']:,}", humanize.size(row["bytes"])) for row in tables]
    st.html(markup.table(("Table", "Rows", "Size"), lines, "Rows and size of every table"))
    st.caption(
        f"BigQuery has billed this server for {humanize.size(store.billed_bytes_today)} of queries since midnight "
        "UTC or its start. 1 TiB a month is free."
    )


def gaps(page: Listening) -> None:
    st.header("Gaps", anchor=False)
    if page.gaps.empty:
        st.markdown("None is open.")
        return
    zone = page.filters.zone
    newest = page.gaps.iloc[::-1]
    st.markdown(
        f"**{humanize.counted(len(newest), 'stretch')}** in which plays may be missing. An import of the extended "
        f"streaming history fills them: `{page.viewer.settings.cli(f'import {page.filters.listener} FILE…')}`. Files "
        "that were imported before are given again."
    )
    lines = [
        (
            humanize.moment_year(row["gap_start"].tz_convert(zone)),
            humanize.moment_year(row["gap_end"].tz_convert(zone)),
            humanize.duration(row["gap_end"] - row["gap_start"]),
        )
        for row in newest.head(GAPS).to_dict("records")
    ]
    st.html(markup.table(("From", "To", "Length"), lines, "Gaps, the newest first"))
    if len(newest) > GAPS:
        st.caption(f"The newest {GAPS} of {len(newest):,}. The download has all of them.")
    downloads.menu(newest, "gaps")
