"""What must be true after every storm. Each check yields a sentence for each thing that is not.

They work from the invented Spotify's own memory and from the landed files, never from what the functions say of
themselves; where the functions say something (the ledger), it is held against that.
"""

from collections.abc import Callable, Iterator

from tests.faults.checks import batches, ending, gaps, ledger, plays
from tests.faults.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]

CHECKS: tuple[Check, ...] = (
    plays.no_play_is_stored_twice,
    plays.every_doubled_play_was_noticed,
    plays.every_play_that_a_finished_run_was_shown_is_stored,
    gaps.every_play_on_any_page_is_stored_or_inside_a_gap,
    plays.every_stored_play_is_true_in_every_column,
    plays.every_stored_play_is_in_the_file_of_its_run,
    plays.nothing_is_left_of_an_import_that_was_undone,
    plays.the_catalogue_is_true,
    ending.every_command_of_the_owners_ends_in_a_sentence,
    gaps.every_play_that_was_missed_is_inside_a_gap,
    gaps.no_gap_is_recorded_where_nothing_is_missing,
    gaps.every_gap_is_recorded_once,
    ledger.every_slot_that_was_answered_has_its_row,
    ledger.every_run_is_named_after_its_slot,
    ledger.no_row_stands_twice_in_the_ledger,
    ledger.ingest_succeeded_where_and_only_where_a_file_landed,
    ledger.load_says_what_it_did,
    ledger.every_load_that_brought_plays_was_announced_to_transform_trigger,
    ledger.each_listener_recorded_as_polled_was_sent_a_page,
    batches.batches_are_what_the_ledger_says,
    batches.never_do_two_batches_run_at_once,
    batches.the_last_batch_has_seen_every_play,
    batches.the_top_ten_is_what_a_recount_gives,
    batches.the_list_of_tracks_is_what_a_recount_gives,
    ending.in_the_end_every_listener_is_polled,
    ending.nothing_is_left_undelivered,
    ending.the_newest_refresh_token_is_kept,
    ending.no_secret_is_seen_anywhere,
    ending.nothing_was_asked_that_the_laptop_cloud_does_not_know,
)


def problems(evidence: Evidence) -> list[str]:
    """All that is wrong, in the order of CHECKS; nothing when the promise was kept."""
    return [f"{check.__name__}: {sentence}" for check in CHECKS for sentence in check(evidence)]
