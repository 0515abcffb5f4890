"""What is missing is inside a gap, and a gap is where something is missing."""

from collections import Counter
from collections.abc import Iterator

from localcloud.listeners.lives import Play
from tests.faults.evidence import Evidence, Key, Row, described, key_of, row_key, run_id_of


def every_play_on_any_page_is_stored_or_inside_a_gap(evidence: Evidence) -> Iterator[str]:
    """A run that died took its page with it; the next one shows the same plays, or there is a gap."""
    stored = evidence.stored
    for page in evidence.pages:
        for key in page.keys - stored:
            is_not_detectable = _is_before_the_first(evidence, key) or _is_out_of_order(evidence, evidence.truth[key])
            if not is_not_detectable and not _in_a_gap(evidence, key):
                yield f"lost without a trace: {described(key)}, shown at {page.at:%d %H:%M:%S}"


def every_play_that_was_missed_is_inside_a_gap(evidence: Evidence) -> Iterator[str]:
    """Those that left Spotify's 50 between two pages; not those that appeared behind a play that was known already, the
    oldest of the second one or an earlier one: the price in decision 3."""
    stored = evidence.stored
    for key, play in evidence.truth.items():
        is_covered = _in_a_gap(evidence, key) or _is_before_the_first(evidence, key)
        if key not in stored and _was_passed_over(evidence, play) and not is_covered:
            yield f"missed without a gap: {described(key)}"


def no_gap_is_recorded_where_nothing_is_missing(evidence: Evidence) -> Iterator[str]:
    """In a run that nothing disturbed. Where the page's oldest play is new, the one before may be missing or there: no
    code can know.

    What was missing then may have come later, with a page of hours ago.
    """
    run_ids = {row_key(row): row["run_id"] for row in evidence.plays}
    imported = {row["listener_id"] for row in evidence.imports}
    for gap in evidence.gaps:
        if gap["listener_id"] in imported:
            continue  # What an import stores does not prove that nothing is missing.
        attempt = next(a for a in evidence.attempts if run_id_of(a.slot) == gap["run_id"])
        if attempt.had_trouble:
            continue
        inside = [(key, play.visible_at) for key, play in evidence.truth.items() if _is_inside(gap, key)]
        is_missing = any(
            visible_at and (key not in run_ids or (run_ids[key] > gap["run_id"] and visible_at <= gap["detected_at"]))
            for key, visible_at in inside
        )
        if not is_missing and not _ends_with_a_new_play(evidence, gap):
            yield f"a gap of {gap['listener_id']} from {gap['gap_start']} to {gap['gap_end']} holds no lost play"


def every_gap_is_recorded_once(evidence: Evidence) -> Iterator[str]:
    for key, count in Counter((g["listener_id"], g["gap_start"], g["gap_end"]) for g in evidence.gaps).items():
        if count > 1:
            yield f"the gap {key} stands {count} times"


def _was_passed_over(evidence: Evidence, play: Play) -> bool:
    """On the first page after it became visible it was older than everything, and newer than all that was known: of a
    run that came to its end, than all that was known before the page's oldest play. Behind one of those it is lost
    outside any gap: the price in decision 3."""
    if play.visible_at is None:
        return False
    mine = [page for page in evidence.pages if page.listener == play.listener]
    after = next((page for page in mine if page.at >= play.visible_at), None)
    if after is None:
        return False
    shown = [at for page in mine if page.at < play.visible_at for _, at, _ in page.keys if at <= page.newest]
    if any(after in attempt.polled_pages for attempt in evidence.attempts):
        shown = [at for at in shown if at <= after.oldest]
    return bool(shown) and max(shown) < play.played_at < after.oldest


def _is_out_of_order(evidence: Evidence, play: Play) -> bool:
    """Spotify showed it when it had shown later plays already, and then no more: no gap can tell of it."""
    earlier = [
        page for page in evidence.pages if page.listener == play.listener and page.at < (play.visible_at or page.at)
    ]
    return any(page.keys and page.newest > play.played_at for page in earlier)


def _is_before_the_first(evidence: Evidence, key: Key) -> bool:
    """A gap begins with a stored play: what was before those of the first run is from before the listener came.

    A later run can be shown older ones (a page of hours ago), and cannot know what lies between.
    """
    mine = [row for row in evidence.plays if row["listener_id"] == key[0]]
    first_run = min((row["run_id"] for row in mine), default=None)
    return not any(row["played_at"] < key[1] for row in mine if row["run_id"] == first_run)


def _in_a_gap(evidence: Evidence, key: Key) -> bool:
    return any(_is_inside(gap, key) for gap in evidence.gaps)


def _is_inside(gap: Row, key: Key) -> bool:
    """Of two plays that end in one millisecond the page may have cut off one: the gap's end is part of it."""
    return bool(gap["listener_id"] == key[0] and gap["gap_start"] < key[1] <= gap["gap_end"])


def _ends_with_a_new_play(evidence: Evidence, gap: Row) -> bool:
    """No run had polled the oldest play of its page before, and it is the very next after that where the gap begins.

    What a clock that was ahead has dated is new each time, and is no next one.
    """
    name, start, end, detected_at = (gap[column] for column in ("listener_id", "gap_start", "gap_end", "detected_at"))
    pages = (page for attempt in evidence.attempts for page in attempt.polled_pages if page.at < detected_at)
    polled = {key for page in pages for key in page.keys}
    dated = [play for play in evidence.lives[name].plays if play.visible_at and play.played_at <= play.visible_at]
    is_known = any(play.played_at == end and key_of(play) in polled for play in dated)
    return not is_known and not any(start < play.played_at < end and play.is_visible(detected_at) for play in dated)
