"""Page Pipeline: status, the grid of runs, what went wrong and the next step, gaps, consents, Spark,
audio features, and the size of the tables.
"""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pandas as pd
import streamlit as st

import humanize
from analysis import days
from charts import pipeline as charts_pipeline
from components import (
    choice,
    filters,
    markup,
    messages,
    metrics,
    page_frame,
    pipeline_tables,
    ranked_lists,
    run_drawer,
    run_grid,
)
from components.markdown import literal
from components.page_frame import Listening
from pipeline import health, run_hours

BADGES: dict[str, tuple[Literal["green", "orange", "red", "gray"], str]] = {
    "ok": ("green", ":material/check_circle:"),
    "attention": ("orange", ":material/error:"),
    "paused": ("orange", ":material/pause_circle:"),
    "late": ("orange", ":material/schedule:"),
    "failing": ("red", ":material/cancel:"),
    "never": ("gray", ":material/hourglass_empty:"),
}
HOURS = {"24 hours": 24, "48 hours": 48, "72 hours": 72}
GAP_DAYS = 30
PROBLEMS = 8


def mine(problems: pd.DataFrame, page: Listening) -> pd.DataFrame:
    """Of the whole run, and of listeners this viewer may see where only they failed; one row for the same trouble."""
    whole = problems["listener_id"].isna()
    # A failed ingest is about every listener; a later step that failed says nothing about one.
    failed_for_all = problems.loc[whole & (problems["step"] == "ingest"), "slot"]
    own = problems["listener_id"].isin(page.viewer.listeners) & ~problems["slot"].isin(failed_for_all)
    kept = problems[whole | own].assign(
        who=lambda rows: rows["listener_id"].map(page.viewer.label_of, na_action="ignore")
    )
    # What still goes on has one row of all its hours; what is over has one for each time.
    same = [kept["slot"].where(kept["recovered"].astype(bool)).rename("over_at"), "step", "state", "what", "recovered"]
    merged = kept.groupby(same, sort=False, as_index=False, dropna=False).agg(
        slot=("slot", "max"),
        who=("who", lambda names: humanize.joined(sorted(names.dropna()))),
        since=("since", "min"),
        next_step=("next_step", "first"),
    )
    return merged.sort_values("slot", ascending=False, kind="stable", ignore_index=True)


def figures(page: Listening, rate: tuple[int, int], last_success_at: datetime | None) -> None:
    good, due = rate
    since = page.now - timedelta(days=GAP_DAYS)
    count = int((page.gaps["gap_end"] > since).sum())
    missing = days.unknown_time(page.gaps, since, page.now)
    with metrics.grid(4):
        _when("Last success", last_success_at, page)
        _when("Newest play", page.history.newest_at(page.now), page)
        share = humanize.percent(good / due, 1) if due else "–"
        metrics.noted("Good runs, 7 days", share, f"{due - good} of {due} did not" if due else None)
        lost = f"about {humanize.duration(missing)}" if count else "none"
        metrics.noted(f"Possible gaps, {GAP_DAYS} days", f"{count}", lost)
    if len(page.viewer.listeners) > 1:
        st.caption(f"Newest play and gaps: {literal(page.name)} only. Success and good runs: the whole pipeline.")


def _when(label: str, at: datetime | None, page: Listening) -> None:
    if at is None:
        metrics.noted(label, "never")
        return
    wall, age = pd.Timestamp(at).tz_convert(page.filters.zone), page.now - at
    # On a phone a metric has room for ten characters.
    shown = (
        f"{wall:%H:%M}"
        if wall.date() == page.today
        else f"{wall:%a %H:%M}"
        if age.days < 6
        else humanize.short_day(wall)
    )
    metrics.noted(label, shown, humanize.ago(age))


@st.fragment(run_every="60s")
def grid(page: Listening) -> None:
    """Redrawn every minute, so that a tab left open stays current."""
    st.header("Runs by hour", anchor=False)
    label = choice.one_of("Hours", list(HOURS), "hours")
    ledger, schedule = page.viewer.runs(), page.viewer.settings.schedule
    if not page.loaded.error:  # of which the page has warned
        page_frame.stale(ledger, page.filters.zone, datetime.now(UTC))
    runs, now = ledger.value, page_frame.as_of(ledger, datetime.now(UTC))
    hours = run_hours.grid_hours(runs, now, HOURS[label], schedule)
    cells = run_hours.to_frame(hours)
    cells = cells.assign(reason=cells["reason"].map(page.viewer.reason))
    lead = run_hours.summarise(hours, label, "hour" if schedule.interval_hours == 1 else "run")
    st.markdown(lead)
    opened = run_grid.draw(cells, page.filters.zone, page.colours, page_frame.alt_text("Runs by hour.", lead))
    if opened:
        # In the URL the open cell can be shared, and survives a reconnect.
        st.query_params[run_drawer.IN_URL] = str(opened)
    st.html(markup.legend(charts_pipeline.legend_of_states(page.colours, set(cells["state"]))))
    st.caption("Choose a cell to see what happened in it.")
    run_drawer.draw_if_open(page, runs, cells)


def what_went_wrong(page: Listening, problems: pd.DataFrame) -> None:
    st.header("What went wrong", anchor=False)
    if problems.empty:
        st.markdown("Nothing in the last seven days.")
        return
    open_ones = int((~problems["recovered"].astype(bool)).sum())
    st.markdown(f"**{open_ones}** not over yet." if open_ones else "All of it is over.")
    st.html(markup.problems([_problem(page, row) for row in problems.head(PROBLEMS).to_dict("records")], page.colours))
    if len(problems) > PROBLEMS:
        st.caption(f"The newest {PROBLEMS} of {len(problems):,} in seven days.")


def _problem(page: Listening, row: dict[Hashable, Any]) -> str:
    return markup.problem(
        when=_when_failed(page, row),
        where=run_hours.STEP_NAMES.get(row["step"], row["step"]) + (f", {row['who']}" if row["who"] else ""),
        state=row["state"],
        glyph=run_hours.GLYPHS[row["state"]],
        what=humanize.sentence(page.viewer.reason(ranked_lists.text(row["what"])) or "No reason was recorded."),
        next_step="" if row["recovered"] else row["next_step"],
        colours=page.colours,
        is_over=bool(row["recovered"]),
    )


def _when_failed(page: Listening, row: dict[Hashable, Any]) -> str:
    """One failure by its hour, a row of them from the first to the last."""
    first, last = (humanize.moment(row[name].tz_convert(page.filters.zone)) for name in ("since", "slot"))
    if first == last:
        return last
    return f"{first} – {last}" if row["recovered"] else f"since {first}, last {last}"


def plays_per_run(page: Listening, runs: pd.DataFrame, now: datetime) -> None:
    st.header("New plays per run", anchor=False)
    per_run = health.plays_per_run(runs)
    is_mine = per_run["listener_id"] == page.filters.listener
    per_run = per_run[is_mine & (per_run["slot"] > now - timedelta(hours=48))]
    if per_run.empty:
        st.caption("No run has polled this listener in the last 48 hours.")
        return
    full = int(per_run["at_limit"].sum())
    lead = (
        f"**{humanize.counted(full, 'run')}** brought as many plays as Spotify shows: older ones may be lost."
        if full
        else f"At most {int(per_run['new'].max())} of {health.NEWEST_SHOWN} were new in a run of these 48 hours."
    )
    chart = charts_pipeline.plays_per_run(per_run, page.filters.zone, health.NEWEST_SHOWN, page.colours)
    page_frame.answer(lead, chart)
    st.caption(f"{literal(page.name)} only. Spotify shows the newest {health.NEWEST_SHOWN} plays: the dashed line.")


def unknown_zones(page: Listening) -> None:
    """A misspelt home time zone breaks no page: without a warning another clock would go unnoticed."""
    for slug in page.viewer.listeners:
        zone = page.viewer.settings.zones.get(slug)
        if zone and not filters.valid_zone(zone):
            st.warning(
                f"The home time zone of {literal(page.viewer.label_of(slug))} is set to {literal(zone)}, which does "
                "not exist. Until the owner corrects it in `DASHBOARD_LISTENERS` (`listeners` in terraform.tfvars) to "
                "a name such as Europe/Berlin, the browser's time zone is the default.",
                icon=":material/schedule:",
            )


page = page_frame.listening(needs_plays=False)
ledger, settings = page.viewer.runs(), page.viewer.settings
runs, judged_at = ledger.value, page_frame.as_of(ledger, page.now)
status = health.status(runs, judged_at, settings.schedule)
colour, icon = BADGES[status.level]
st.badge(f"{status.words}, when it was last read" if ledger.error else status.words, color=colour, icon=icon)
blocked = health.blocked_until(runs, page.now)
if blocked:
    wall = pd.Timestamp(blocked).tz_convert(page.filters.zone)
    st.warning(
        f"Spotify asked for a pause: no call is made before {humanize.moment(wall)}.", icon=":material/pause_circle:"
    )
if status.level == "never":
    sizes = page.viewer.store.sizes().value
    if not sizes.loc[sizes["table"] == "plays", "rows"].any():
        messages.never_run(settings)
        st.stop()
    messages.imports_alone(settings)
unknown_zones(page)
figures(page, health.success_rate(runs, judged_at, schedule=settings.schedule), status.last_success_at)
grid(page)
problems = health.problems(runs, judged_at, schedule=settings.schedule, is_laptop=not settings.is_in_cloud)
what_went_wrong(page, mine(problems, page))
left, right = st.columns(2, gap="large")
with left:
    plays_per_run(page, runs, judged_at)
    pipeline_tables.gaps(page)
with right:
    pipeline_tables.consent(page, runs)
    pipeline_tables.spark(page, runs)
    pipeline_tables.audio_features(page)
    pipeline_tables.sizes(page)

page_frame.how_counted("""
- The grid is the ledger `runs`: every outcome of a step adds a row, and the newest counts.
  **Succeeded** did its work, **skipped** had nothing to do and says why, **failed** did not; **not run**: the step
  before it failed or had nothing for it, or no run was due, because it is before the first one or under an earlier
  schedule; **running** and **waiting**: due, and not done yet; **missing**: it was due and nothing was recorded;
  **unreadable**: a row is there, and its state is none of these.
- **Good runs**: hours in which every step did what there was for it. An hour in which no listener was polled, because
  of a pause or a missing consent, is neither good nor bad.
- **Newest play**: its age grows while no music is played.
- **Possible gap**: Spotify's page did not reach back to a play stored from its API, so older ones may be lost.
- The top ten is computed after new plays, not every hour.
""")
