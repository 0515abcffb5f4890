"""Is it working, what is missing, what must I do?"""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pandas as pd
import streamlit as st

import charts_pipeline
import downloads
import frame
import lists
import pipeline_grid
import pipeline_health
import rows
import states
import words
from frame import Listening
from in_markdown import literal

BADGES: dict[str, tuple[Literal["green", "orange", "red", "gray"], str]] = {
    "ok": ("green", ":material/check_circle:"),
    "attention": ("orange", ":material/error:"),
    "late": ("orange", ":material/schedule:"),
    "failing": ("red", ":material/cancel:"),
    "never": ("gray", ":material/hourglass_empty:"),
}
HOURS = {"24 hours": 24, "48 hours": 48, "72 hours": 72}
GAP_DAYS = 30
PROBLEMS = 8
GAPS = 10


def mine(problems: pd.DataFrame, page: Listening) -> pd.DataFrame:
    """Of the whole run, and of listeners this viewer may see where only they failed."""
    whole = problems["listener_id"].isna()
    own = problems["listener_id"].isin(page.viewer.listeners) & ~problems["slot"].isin(problems.loc[whole, "slot"])
    return problems[whole | own].reset_index(drop=True)


def figures(page: Listening, runs: pd.DataFrame, status: pipeline_health.Status) -> None:
    zone, newest = page.filters.zone, page.history.newest_at
    good, due = pipeline_health.success_rate(runs, page.now)
    gaps = page.gaps[page.gaps["gap_end"] > page.now - timedelta(days=GAP_DAYS)] if len(page.gaps) else page.gaps
    lost = (gaps["gap_end"] - gaps["gap_start"]).sum() if len(gaps) else pd.Timedelta(0)
    with st.grid(4, min_column_width=150):
        _when("Last success", status.last_success_at, page, zone, "ago")
        _when("Newest play", newest, page, zone, "lag")
        share = words.percent(good / due, 1) if due else "–"
        st.metric(
            "Good runs, 7 days",
            share,
            delta=f"{due - good} of {due} did not" if due else None,
            delta_color="gray",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        st.metric(
            f"Possible gaps, {GAP_DAYS} days",
            f"{len(gaps)}",
            border=True,
            height="stretch",
            delta_color="gray",
            delta=f"about {words.duration(lost.to_pytimedelta())}" if len(gaps) else "none",
            delta_arrow="off",
        )


def _when(label: str, at: datetime | None, page: Listening, zone: str, kind: str) -> None:
    if at is None:
        st.metric(label, "never", border=True, height="stretch")
        return
    wall = pd.Timestamp(at).tz_convert(zone)
    same_day = wall.date() == page.today
    age = page.now - at
    st.metric(
        label,
        f"{wall:%H:%M}" if same_day else f"{wall:%a} {wall.day} {wall:%b}, {wall:%H:%M}",
        delta_arrow="off",
        delta=words.ago(age) if kind == "ago" else f"{words.duration(age)} lag",
        delta_color="gray",
        border=True,
        height="stretch",
    )


@st.fragment(run_every="60s")
def grid(page: Listening) -> None:
    """The hours by themselves every minute, so that a tab left open stays true."""
    st.header("Runs by hour", anchor=False)
    label = str(
        st.segmented_control(
            "Hours",
            list(HOURS),
            default="24 hours",
            required=True,
            key="hours",
            bind="query-params",
            label_visibility="collapsed",
        )
    )
    now = datetime.now(UTC)
    runs = page.viewer.store.runs().value
    cells = pipeline_grid.grid(runs, now, HOURS[label])
    cells = cells.assign(reason=cells["reason"].map(page.viewer.without_others))
    said = in_words(cells, label)
    st.markdown(said)
    st.altair_chart(charts_pipeline.run_grid(cells, page.filters.zone, page.colours), alt=frame.alt_text(said))
    st.html(rows.legend(charts_pipeline.legend_of_states(page.colours)))


def in_words(cells: pd.DataFrame, label: str) -> str:
    ingest = cells[cells["step"] == "ingest"]
    bad = {state: int((ingest["state"] == state).sum()) for state in ("failed", "missing")}
    if not any(bad.values()):
        return f"Every hour of the last {label} was collected."
    told = [f"{count} {state}" for state, count in bad.items() if count]
    return f"Of the last {label}, **{words.joined(told)}**. Plays of those hours arrive with the next run that works."


def what_went_wrong(page: Listening, problems: pd.DataFrame) -> None:
    st.header("What went wrong", anchor=False)
    if problems.empty:
        st.markdown("Nothing in the last seven days.")
        return
    open_ones = int((~problems["recovered"].astype(bool)).sum())
    st.markdown(f"**{open_ones}** not recovered yet." if open_ones else "All of it has recovered by itself.")
    st.html(rows.problems([_problem(page, row) for row in problems.head(PROBLEMS).to_dict("records")], page.colours))
    if len(problems) > PROBLEMS:
        st.caption(f"The newest {PROBLEMS} of {len(problems):,} in seven days.")


def _problem(page: Listening, row: dict[Hashable, Any]) -> rows.Problem:
    slug = row["listener_id"]
    return rows.Problem(
        when=words.moment(row["slot"].tz_convert(page.filters.zone)),
        where=charts_pipeline.STEP_NAMES[row["step"]] + ("" if pd.isna(slug) else f", {page.viewer.label_of(slug)}"),
        state=row["state"],
        glyph=pipeline_grid.GLYPHS[row["state"]],
        what=page.viewer.without_others(lists.text(row["what"])) or "No reason was recorded.",
        next_step="" if row["recovered"] else row["next_step"],
    )


def plays_per_run(page: Listening, runs: pd.DataFrame) -> None:
    st.header("New plays per run", anchor=False)
    told = pipeline_health.plays_per_run(runs)
    told = told[(told["listener_id"] == page.filters.listener) & (told["slot"] > page.now - timedelta(hours=48))]
    if told.empty:
        st.caption("No run has asked for this listener in the last 48 hours.")
        return
    full = int(told["at_limit"].sum())
    said = (
        f"**{words.counted(full, 'run')}** brought as many plays as Spotify shows: older ones may be lost."
        if full
        else f"At most {int(told['new'].max())} of {pipeline_health.PAGE_LIMIT} were new in a run of these 48 hours."
    )
    st.markdown(said)
    st.altair_chart(
        charts_pipeline.plays_per_run(told, page.filters.zone, pipeline_health.PAGE_LIMIT, page.colours),
        alt=frame.alt_text(said),
    )
    st.caption(
        f"{literal(page.name)} only. Spotify shows the newest {pipeline_health.PAGE_LIMIT} plays: the dashed line."
    )


def consent(page: Listening, runs: pd.DataFrame) -> None:
    st.header("Listeners", anchor=False)
    listeners = pipeline_health.listeners(runs, page.now)
    listeners = listeners[listeners["listener_id"].isin(page.viewer.listeners)]
    ending = listeners[listeners["level"].isin(["soon", "ended"])]
    for row in ending.to_dict("records"):
        st.warning(
            f"{literal(page.viewer.label_of(row['listener_id']))}: consent {_ends(row)}. Run "
            f"`python -m cli authorize {row['listener_id']}`.",
            icon=":material/key:",
        )
    if ending.empty and len(listeners):
        st.markdown("Nobody has to renew their consent in the next 30 days.")
    lines = [
        (
            page.viewer.label_of(row["listener_id"]),
            lists.text(row["state"]).replace("_", " "),
            _days_left(row),
            _end(row, page),
        )
        for row in listeners.to_dict("records")
    ]
    st.html(rows.table(("Listener", "Last run", "Days of consent left", "Ends"), lines, "Days of consent left"))


def _days_left(row: dict[Hashable, Any]) -> str:
    return "unknown" if pd.isna(row["days_left"]) else f"{int(row['days_left'])}"


def _end(row: dict[Hashable, Any], page: Listening) -> str:
    if pd.isna(row["ends_at"]):
        return "unknown"
    return words.day(pd.Timestamp(row["ends_at"]).tz_convert(page.filters.zone))


def _ends(row: dict[object, object]) -> str:
    left = int(str(row["days_left"]))
    return f"ended {words.counted(-left, 'day')} ago" if left < 0 else f"ends in {words.counted(left, 'day')}"


def spark(page: Listening, runs: pd.DataFrame) -> None:
    st.header("Spark and steps", anchor=False)
    batch = pipeline_health.spark_batch(runs, page.viewer.store.top_tracks(page.filters.listener).value, page.now)
    if batch is None:
        st.markdown("No top ten has been computed yet. The first batch starts after the first new plays.")
    else:
        read = f", from {words.plays(batch['plays'])}" if batch["plays"] is not None else ""
        st.markdown(f"The top ten is **{words.duration(batch['age'])}** old: run `{batch['run_id']}`{read}.")
    durations = pipeline_health.durations(runs)
    lines = [
        (
            charts_pipeline.STEP_NAMES[row["step"]],
            f"{row['median_seconds']:,.0f} s",
            f"{row['last_seconds']:,.0f} s",
            f"{row['runs']:,}",
        )
        for row in durations.to_dict("records")
    ]
    st.html(rows.table(("Step", "Median", "Last", "Runs"), lines, "How long each step takes"))


def gaps(page: Listening) -> None:
    st.header("Gaps", anchor=False)
    if page.gaps.empty:
        st.markdown("None: every page of Spotify's overlapped what was already stored.")
        return
    zone = page.filters.zone
    newest = page.gaps.iloc[::-1]
    st.markdown(
        f"**{words.counted(len(newest), 'stretch')}** in which plays may be missing. An import of the extended "
        f"streaming history fills them: `python -m cli import {page.filters.listener} FILE…`."
    )
    lines = [
        (
            words.moment_year(row["gap_start"].tz_convert(zone)),
            words.moment_year(row["gap_end"].tz_convert(zone)),
            words.duration(row["gap_end"] - row["gap_start"]),
        )
        for row in newest.head(GAPS).to_dict("records")
    ]
    st.html(rows.table(("From", "To", "Length"), lines, "Gaps, the newest first"))
    if len(newest) > GAPS:
        st.caption(f"The newest {GAPS} of {len(newest):,}. The download has all of them.")
    downloads.buttons(newest, "gaps")


page = frame.listening(needs_plays=False)
runs = page.viewer.store.runs().value
status = pipeline_health.status(runs, page.now)
colour, icon = BADGES[status.level]
st.badge(status.words, color=colour, icon=icon)
blocked = pipeline_health.blocked_until(runs, page.now)
if blocked:
    wall = pd.Timestamp(blocked).tz_convert(page.filters.zone)
    st.warning(
        f"Spotify asked for a pause: no call is made before {words.moment(wall)}.", icon=":material/pause_circle:"
    )
if status.level == "never":
    states.never_run(page.viewer.settings)
    st.stop()
figures(page, runs, status)
grid(page)
what_went_wrong(page, mine(pipeline_health.problems(runs, page.now), page))
left, right = st.columns(2, gap="large")
with left:
    plays_per_run(page, runs)
    gaps(page)
with right:
    consent(page, runs)
    spark(page, runs)

frame.how_counted("""
- The grid is the ledger `runs`: every step writes one row when it is done. **Succeeded** did its work, **skipped** had
  nothing to do and says why, **failed** did not; **not run**: the step before it failed or had nothing for it;
  **running** and **waiting**: due, and not done yet; **missing**: the schedule expected it and nothing was recorded.
- **Lag**: the age of the newest play. It grows while nobody listens.
- **Possible gap**: a run found 50 plays and none of them was known, so older ones may be lost.
- The top ten is computed after new plays, not every hour.
""")
