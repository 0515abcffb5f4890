"""Page Sound: audio features against all time, mood map, tempo, the trend of one feature."""

from datetime import date

import pandas as pd
import streamlit as st

import humanize
from analysis import discoveries, sound
from charts import bars
from charts import sound as charts_sound
from components import choice, metrics, page_frame
from components.page_frame import Listening

SOURCES = {"spotify": "Spotify", "reccobeats": "ReccoBeats", "unknown": "an unnamed provider"}


def known_of(coverage: sound.Coverage) -> str:
    sources = humanize.joined([SOURCES.get(source, source) for source in coverage.sources])
    known = humanize.percent(coverage.share)
    return f"Features are known for {known} of this period's listening · source: {sources}."


def features(page: Listening, rows: pd.DataFrame, changes: pd.DataFrame) -> None:
    text = sentence(changes)
    st.header("What does your music sound like?", anchor=False)
    left, right = st.columns([2, 1], gap="large")
    with left:
        means = [f"{row['name']} {row['mean']:.2f}, usually {row['usual']:.2f}." for row in rows.to_dict("records")]
        st.altair_chart(charts_sound.feature_rows(rows, page.colours), alt=page_frame.alt_text(text, *means))
        st.caption(
            "Dot: average of this period. Grey tick: average of all time. Band: the middle half of your listening."
        )
    with right:
        st.subheader("What changed most", anchor=False)
        changed = changes[changes["change"].abs() >= 0.005]
        for change in changed.to_dict("records"):
            metrics.changed(
                f"{change['name']} ({change['low']} → {change['high']})",
                f"{change['mean']:.2f}",
                f"{change['change']:+.2f}",
                against="all time",
            )
        if changed.empty:
            st.caption("Nothing: each feature is at its average of all time.")


def sentence(changes: pd.DataFrame) -> str:
    first = changes.iloc[0]
    if abs(first["change"]) < 0.01:
        return "This period sounds like your average of all time."
    direction = "higher" if first["change"] > 0 else "lower"
    by = f"{abs(first['change']):.2f} {direction}"
    return f"Your music is **{first[direction]}** than usual: {first['name']} is {by} than your average of all time."


def mood(page: Listening) -> None:
    st.header("Mood map", anchor=False)
    moods = sound.mood(page.history, page.shown)
    if moods.empty:
        st.caption("No mood is known for these plays.")
        return
    corners = sound.quadrants(moods)
    top = max(corners, key=lambda corner: corners[corner])
    share, mood_of_it = humanize.percent(corners[top]), top.replace(", ", " and ")
    text = f"The largest part, **{share}**, went to music that is **{mood_of_it}**."
    quarters = " ".join(f"{corner}: {humanize.percent(share)}." for corner, share in corners.items())
    page_frame.answer(text, charts_sound.mood_map(moods, page.colours), f"{text} {quarters}")
    shown = humanize.counted(len(moods), "track")
    size = "listening time" if moods["minutes"].any() else "number of plays"
    st.caption(f"A circle is a track, its size the {size}: the {shown} you played most. Corner by corner: {quarters}")


def tempo_and_trend(page: Listening) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        page_frame.head("Tempo")
        tempo = sound.tempo(page.history, page.shown)
        if tempo.empty:
            st.caption("No tempo is known for these plays.")
        else:
            top = tempo.loc[tempo["share"].idxmax()]
            text = f"The largest part is at {int(top['bpm_from'])} to {int(top['bpm_from']) + 4} beats a minute."
            page_frame.answer(text, charts_sound.tempo(tempo, page.colours))
    with right:
        how_it_changes(page)


def how_it_changes(page: Listening) -> None:
    names = {feature.name: feature for feature in sound.FEATURES}
    with page_frame.head("How it changes"):
        name = choice.in_list("Feature", list(names), "feature", width=200)
    trend = sound.feature_trend(page.history, page.everything, names[name].key)
    if len(trend) < 2:
        st.caption("A trend needs two months of plays with known features.")
        return
    text = trend_sentence(names[name], trend, page.today)
    page_frame.answer(text, charts_sound.feature_trend(trend, name, page.colours))
    st.caption("Of all time, not of the period.")


def trend_sentence(feature: sound.Feature, trend: pd.DataFrame, today: date) -> str:
    """The last month against the mean of all months before it."""
    last, before = float(trend["mean"].iloc[-1]), float(trend["mean"].iloc[:-1].mean())
    month_on = trend["month_on"].iloc[-1]
    month = f"**{month_on:%B %Y}**{' so far' if month_on.date() >= today.replace(day=1) else ''}"
    numbers = f"{last:.2f} against {before:.2f}"
    if abs(last - before) < 0.01:
        return f"In {month} your music was like that of the months before: {numbers}."
    word = feature.higher if last > before else feature.lower
    return f"In {month} your music was **{word}** than in the months before: {numbers}."


def without_features(page: Listening) -> None:
    """Still worth opening: release decades, lengths, explicit share, popularity."""
    facts = sound.without_features(page.history, page.shown)
    decades = discoveries.decades(page.history, page.shown, page.by)
    page_frame.lead(sentence_without(facts, decades))
    st.info(
        "No audio features are known for these plays. Spotify closed them to new apps on 27 November 2024. The owner "
        "can use a free service instead: `AUDIO_FEATURES_SOURCE=reccobeats` in the settings of ingest "
        '(`audio_features_source = "reccobeats"` in terraform.tfvars). Then the next plays have them, and older ones '
        f"get them little by little, or a thousand tracks at once with `{page.viewer.settings.cli('enrich')}`. The "
        "pages show those of older plays after the next Spark batch, which follows new plays. "
        "What Spotify returns is below.",
        icon=":material/info:",
    )
    figures = {
        "Average length": (facts.average_minutes, "{:.1f} min".format),
        "Explicit": (facts.explicit_share, humanize.percent),
        "Popularity": (facts.popularity, "{:.0f} of 100".format),
    }
    with metrics.grid(3):
        for label, (value, form) in figures.items():
            st.metric(label, "unknown" if value is None else form(value), border=True)
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Release decades", anchor=False)
        st.altair_chart(bars.shares(decades, "decade", page.colours), alt="Share of listening per release decade")
    with right:
        st.header("Track lengths", anchor=False)
        lengths = facts.lengths.assign(
            name=[
                f"{start:.0f}+ min" if end == float("inf") else f"{start:.0f}–{end:.0f}"
                for start, end in facts.lengths[["from_minutes", "to_minutes"]].to_numpy()
            ]
        )
        alt = "Share of listening per track length in minutes"
        st.altair_chart(bars.shares(lengths, "name", page.colours), alt=alt)


def sentence_without(facts: sound.WithoutFeatures, decades: pd.DataFrame) -> str:
    """The average length and the leading decade, where features are unknown."""
    known = decades[decades["decade"] != "Unknown"]
    leading = known.loc[known["share"].idxmax(), "decade"] if known["share"].any() else None
    age = f" The largest part of your listening is from the **{leading}**." if leading else ""
    if facts.average_minutes is None:
        return f"How this music sounds is not known.{age}"
    return f"Your tracks last **{facts.average_minutes:.1f} minutes** on average.{age}"


page = page_frame.listening()
coverage = sound.coverage(page.history, page.shown)
if coverage.share == 0:
    without_features(page)
else:
    rows = sound.feature_rows(page.history, page.shown, page.everything)
    changes = sound.changes(rows)
    page_frame.lead(sentence(changes))
    st.caption(known_of(coverage))
    features(page, rows, changes)
    mood(page)
    tempo_and_trend(page)

page_frame.how_counted("""
- **Features** describe the recording, not the play: energy, danceability, valence (mood), acousticness,
  instrumentalness, liveness and speechiness lie between 0 and 1. A provider computed them; they are estimates.
- Every average is weighted by time, or by plays where no length is known, so a track played twice counts twice. Plays
  without features are left out; the line on top says how much of the listening has them.
- **Band**: from the first to the third quartile. **Tick**: the same average over all time.
- **Mood map**: valence to the right, energy up, cut in four at 0.5.
""")
