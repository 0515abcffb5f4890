"""The storms: the same for the same seed, of every kind, and none of them makes the promise easier than it is."""

from tests.faults.storms import Fault, SpotifyFault, draw


def test_the_same_seed_draws_the_same_storm():
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]


def test_every_amount_of_listening_is_drawn():
    storms = [draw(seed) for seed in range(1000)]
    plays = {listening.plays for storm in storms for listening in storm.listening}
    assert {1, 6, 15, 49, 50, 51, 90} <= plays
    late = [minutes for storm in storms for listening in storm.listening for minutes in listening.late_minutes.values()]
    assert min(late) <= 3
    assert max(late) > 40 * 60
    ahead = {minutes for storm in storms for part in storm.listening for minutes in part.ahead_minutes.values()}
    assert (min(ahead), max(ahead)) == (65, 300)
    assert any(listening.never_shown for storm in storms for listening in storm.listening)
    assert any(not storm.troubles for storm in storms)


def test_a_storm_made_smaller_has_the_parts_that_were_kept_and_no_others():
    storm = draw(5)
    listening, troubles = len(storm.listening), len(storm.troubles)
    assert min(listening, troubles) > 1
    smaller = storm.keep([0, listening + 1])
    assert (smaller.listening, smaller.troubles) == (storm.listening[:1], storm.troubles[1:2])
    assert storm.keep(range(storm.parts)) == storm


def test_the_quiet_time_lasts_until_the_latest_play_shows_and_the_longest_pause_is_over():
    for storm in map(draw, range(300)):
        late = [minutes for listening in storm.listening for minutes in listening.late_minutes.values()]
        late += [minutes for listening in storm.listening for minutes in listening.ahead_minutes.values()]
        pauses = [m.retry_after_seconds or 0 for m in storm.measures if isinstance(m, SpotifyFault)]
        last_hour = storm.quiet_slots[-1]
        assert (last_hour - storm.hours) * 60 > max(late, default=0)
        assert (last_hour - storm.hours) * 3600 > max(pauses, default=0)


def test_no_fault_lasts_for_ever():
    measures = [m for storm in map(draw, range(300)) for m in storm.measures]
    assert all(measure.times is not None for measure in measures if isinstance(measure, Fault | SpotifyFault))
