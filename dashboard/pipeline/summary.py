"""Summarises the grid of runs as text: hours collected, hours in which no listener was polled, failed later steps."""

from collections import Counter
from collections.abc import Sequence

import humanize
from pipeline.run_hours import STEP_NAMES, STEPS, Hour

_BAD = ("failed", "missing")


def summarise(hours: Sequence[Hour], label: str, noun: str = "hour") -> str:
    """`label` is how long the hours are in all; `noun` is what one of them is called."""
    sentences = (_collected(hours, label, noun), _not_polled(hours, noun), _after_ingest(hours))
    return " ".join(sentence for sentence in sentences if sentence)


def _collected(hours: Sequence[Hour], label: str, noun: str) -> str:
    states = Counter(hour.cells["ingest"].state for hour in hours if not hour.cells["ingest"].not_polled)
    bad = [f"{states[state]} {state}" for state in _BAD if states[state]]
    if bad:
        failed = f"Of the last {label}, **{humanize.joined(bad)}**."
        return f"{failed} Plays of those hours arrive with the next run that works."
    good, before = states["succeeded"] + states["skipped"], states["not run"]
    due = f", and the newest {noun} is waited for" if states["waiting"] else ""
    if not good:
        return f"No {noun} of the last {label} was collected{due}."
    if good + states["waiting"] == len(hours):
        return f"Every {noun} of the last {label} was collected{due}."
    if good + states["waiting"] + before == len(hours):
        return f"Every {noun} since the first run was collected, **{good}** of the last {label}{due}."
    return f"Of the last {label}, **{humanize.counted(good, noun)}** {'was' if good == 1 else 'were'} collected{due}."


def _not_polled(hours: Sequence[Hour], noun: str) -> str:
    """Nothing went wrong in them, and nothing was collected."""
    whys = Counter(why for hour in hours if (why := hour.cells["ingest"].not_polled))
    return " ".join(f"In **{humanize.counted(n, noun)}** no listener was polled: {why}." for why, n in whys.items())


def _after_ingest(hours: Sequence[Hour]) -> str:
    """The steps that failed or left no record while ingest did its work, each with how often."""
    steps = []
    for step in STEPS[1:]:
        states = Counter(hour.cells[step].state for hour in hours if hour.bad_step == step)
        if states:
            counts = humanize.joined([f"{states[state]} {state}" for state in _BAD if states[state]])
            steps.append(f"{STEP_NAMES[step]} **{counts}**")
    return f"After ingest: {humanize.joined(steps)}." if steps else ""
