"""Every computation of the pages over a history without plays."""

from datetime import date

import numpy as np
import pytest

from analysis import days, discoveries, sound, tops, totals, year_review
from analysis.periods import Period, named_period, within, year_period
from tests.dashboard.invented.history import NOVEMBER, NOW, at, history_of

ALL_TIME = named_period("All time", "UTC", NOW, at("2020-01-01 00:00"))


@pytest.mark.parametrize("period", [NOVEMBER, ALL_TIME, year_period(2026, "UTC", NOW)], ids=lambda period: period.name)
def test_every_computation_bears_a_listener_without_plays(period: Period):
    history = history_of([])
    local = history.local("UTC")
    plays = within(local, period)
    assert history.is_empty
    assert totals.totals(history, local, period).plays == 0
    assert totals.trend(local, period, "Minutes")["value"].sum() == 0
    assert all(
        not any(totals.spark_bars(history, local, period, m)) for m in ("minutes", "plays", "artists", "new_tracks")
    )
    assert all(tops.top(history, plays, kind, "Plays", plays).empty for kind in tops.KINDS)
    assert tops.last_played(history, local).empty
    assert days.longest_sessions(local, "UTC").empty
    assert not discoveries.new_and_known(history, local, period, "Plays")["value"].any()
    assert discoveries.stuck(history, local, period, "Plays").empty
    assert discoveries.forgotten(history, local, date(2026, 11, 22), "Plays").empty
    assert discoveries.decades(history, plays, "Plays").empty
    assert sound.feature_trend(history, local, "energy").empty
    assert np.isnan(sound.without_features(history, plays).average_minutes or np.nan)
    year = year_review.period_of(2026, None, "UTC", NOW)
    assert year_review.review(history, local, year, "Plays").totals.plays == 0
