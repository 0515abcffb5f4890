"""What `make demo` prints: an opening, a line that moves, and the closing report."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from localcloud import ledger
from localcloud.demo.pages import Opened
from localcloud.demo.proofs import Check, Truth
from localcloud.demo.story import Story
from localcloud.supervisor import RunningCloud

_LANDING_LIMIT_SECONDS, _MEMORY_LIMIT_MIB = 3.0, 150.0
_BAR = 30
_LONGEST_FIGURE = 300


def opening(story: Story, directory: Path) -> str:
    return (
        f"Three invented listeners, with years of listening behind them, live from {story.starts_at:%d %B} to\n"
        f"{story.last_slot:%d %B %Y}, hour by hour, with real functions and real Spark. Ctrl-C stops everything.\n"
        f"Logs and data: {directory}\n"
    )


def show_past(files: int, plays: int, run_id: str) -> None:
    """One line that moves on a terminal, as the files of the past are landed."""
    if sys.stdout.isatty():
        print(f"\r  the past  {run_id[:4]}-{run_id[4:6]}  {files:>3} files  {plays:>6,} plays", end="", flush=True)


def show_left(files: int) -> None:
    if sys.stdout.isatty():
        print(f"\r  the past  landed, {files:>3} files still to load {'':20}", end="", flush=True)


def end_past(files: int, plays: int) -> None:
    print("\r" if sys.stdout.isatty() else "", end="")
    print(f"  The past: {plays:,} plays in {files} files, one a month, went through the real load.", flush=True)


def show_progress(story: Story, slot: datetime, answers: Sequence[dict[str, Any]]) -> None:
    """One line that moves on a terminal; a line per seventh of the way elsewhere."""
    share = min(1.0, (slot - story.starts_at) / (story.last_slot - story.starts_at))
    landed = sum(answer["rows_new"] or 0 for answer in answers)
    text = f"{slot:%d %b %H:%M}  {len(answers):>4} runs  {landed:>6,} plays landed"
    if sys.stdout.isatty():
        filled = round(share * _BAR)
        print(f"\r  {'█' * filled}{'░' * (_BAR - filled)}  {text}", end="", flush=True)
    elif len(answers) % 72 == 0:
        print(f"  {share:>4.0%}  {text}", flush=True)


def end_progress() -> None:
    if sys.stdout.isatty():
        print()


def report(laptop: RunningCloud, story: Story, truth: Truth) -> str:
    """Runs by step and state, what was skipped and why, what happened, plays by listener, the top ten by Spark."""
    parts = [_runs(laptop), _reasons(laptop), _happened(story, truth), _plays(laptop, truth), _top_ten(laptop)]
    return "\n".join(line for part in parts for line in part)


def figures(landing_seconds: Sequence[float], memory: Iterable[tuple[str, float]], seconds: float) -> str:
    if not landing_seconds:
        return "\nNothing was landed, so nothing was measured."
    functions = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in memory)
    return (
        f"\nSpeed   schedule's call to plays merged: {median(landing_seconds):.2f} s at the median, "
        f"{max(landing_seconds):.2f} s at most (limit {_LANDING_LIMIT_SECONDS:.0f} s)\n"
        f"Memory  {functions} (limit {_MEMORY_LIMIT_MIB:.0f} MiB each)\n"
        f"All of it took {seconds:.0f} s."
    )


def verdict(checks: Sequence[Check], failed: Sequence[Check], directory: Path) -> str:
    """Every figure that is not true, or one line when all are."""
    if not failed:
        return f"\n✓ {len(checks)} checks against what the invented Spotify knows: every figure above is true."
    lines = [f"  ✗ {check.name}: must be {_short(check.expected)}, is {_short(check.found)}" for check in failed]
    return "\n".join([f"\n{len(failed)} of {len(checks)} checks failed; logs and data are in {directory}", *lines])


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_FIGURE else f"{text[:_LONGEST_FIGURE]}…"


def page(opened: Opened) -> str:
    return f"  {'✗' if opened.fault else '✓'} {opened.page:<12} {opened.seconds:5.1f} s  {opened.fault or ''}".rstrip()


def verdict_on_pages(faults: int) -> str:
    if not faults:
        return "✓ No page shows an error. On a terminal the dashboard would stay open now."
    return f"{faults} {'page shows' if faults == 1 else 'pages show'} an error."


def _runs(laptop: RunningCloud) -> list[str]:
    sql = "SELECT step, state, COUNT(*) AS runs, SUM(rows_new) AS rows_new FROM `{dataset}.runs` GROUP BY step, state"
    order = ["ingest", "load", "transform", "top_tracks"]
    rows = sorted(ledger.read(laptop.settings, sql), key=lambda row: (order.index(row["step"]), row["state"]))
    lines = [f"  {row['step']:<11} {row['state']:<10} {row['runs']:>5} {row['rows_new'] or 0:>9,}" for row in rows]
    return ["", "  step        state       runs  rows new", *lines]


def _reasons(laptop: RunningCloud) -> list[str]:
    """Why steps were skipped and which listeners failed, each reason once with how often it was given."""
    sql = "SELECT step, reason FROM `{dataset}.runs` WHERE state = 'skipped' OR error_class IS NOT NULL"
    # A reason without the figures before its semicolon, which differ from run to run.
    counts = Counter((row["step"], row["reason"].split("; ", 1)[-1]) for row in ledger.read(laptop.settings, sql))
    lines = [f"  {count:>5} × {step}: {reason}" for (step, reason), count in counts.most_common(6)]
    return ["", "Skipped, or without some listeners:", *lines]


def _happened(story: Story, truth: Truth) -> list[str]:
    gaps = [
        # Spotify shows these plays no more, and the warehouse says where they are missing.
        f"{'':16}{listener}: Spotify forgot {unseen} plays; a gap of {(end - start) / timedelta(hours=1):.0f} h "
        f"is recorded, run {run_id}"
        for (listener, start, end, run_id), unseen in sorted(truth.gaps.items())
    ]
    return [
        "",
        "Faults of the story, none of which may lose or double a play:",
        f"  {story.outage_at:%d %b %H:%M}  the schedule did not call until {story.outage_over_at:%d %b %H:%M}",
        *gaps,
        f"  {story.rotation_at:%d %b %H:%M}  {story.rotated}'s refresh token rotated: only the new one is kept",
        f"  {story.double_delivery_at:%d %b %H:%M}  the event of the next file was delivered twice",
        f"  {story.double_call_at:%d %b %H:%M}  the schedule called twice for one hour",
        f"  {story.revocation_at:%d %b %H:%M}  {story.revoked} revoked the consent; the other listeners went on",
    ]


def _plays(laptop: RunningCloud, truth: Truth) -> list[str]:
    sql = """SELECT listener_id, COUNT(*) AS plays, COUNT(DISTINCT track_id) AS tracks,
             MIN(played_at) AS first, MAX(played_at) AS last
             FROM `{dataset}.plays` GROUP BY listener_id ORDER BY listener_id"""
    expected = Counter(listener for listener, _, _ in truth.plays)
    lines = [
        f"  {row['listener_id']:<16} {row['plays']:>6,} plays of {row['tracks']:>5,} tracks, "
        f"{row['first']:%d %b %Y} to {row['last']:%d %b %Y}; played and shown: {expected[row['listener_id']]:,}"
        for row in ledger.read(laptop.settings, sql)
    ]
    counts = """SELECT COUNT(*) AS tracks, COUNTIF(energy IS NOT NULL) AS known,
                COUNTIF(ask_again_at IS NOT NULL) AS unknown FROM `{dataset}.catalogue`"""
    [row] = ledger.read(laptop.settings, counts)
    lines.append(
        f"  {'catalogue':<16} {row['known']:>6,} of {row['tracks']:,} tracks with audio features, "
        f"{row['unknown']:,} unknown to ReccoBeats"
    )
    return ["", "Stored:", *lines]


def _top_ten(laptop: RunningCloud) -> list[str]:
    sql = """SELECT listener_id, rank, track_name, artist_name, plays, minutes, previous_rank, as_of
             FROM `{dataset}.top_tracks` WHERE period = 'last_7_days' AND listener_id = 'listener-one'
             ORDER BY position"""
    rows = ledger.read(laptop.settings, sql)
    if not rows:
        return ["", "The top ten is empty."]
    lines = [
        f"  {row['rank']:>2}  {row['track_name'][:34]:<34}  {row['artist_name'][:24]:<24} "
        f"{row['plays']:>3} plays {row['minutes']:>6.1f} min  {_move(row)}"
        for row in rows
    ]
    return ["", f"Top ten of listener-one, 7 days to {rows[0]['as_of']:%d %b %H:%M} UTC, as Spark wrote it:", *lines]


def _move(row: dict[str, Any]) -> str:
    if row["previous_rank"] is None:
        return "new"
    climbed = row["previous_rank"] - row["rank"]
    return "=" if climbed == 0 else f"{'▲' if climbed > 0 else '▼'}{abs(climbed)}"
