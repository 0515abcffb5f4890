"""Numbers and times as the commands print them."""

import pytest

from cli.console import counted, duration


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("play",), "0 plays"),
        (1, ("play",), "1 play"),
        (2000, ("play",), "2,000 plays"),
        (1, ("batch", "batches"), "1 batch"),
        (2, ("batch", "batches"), "2 batches"),
    ],
)
def test_a_noun_has_its_plural_and_a_large_number_its_commas(number, words, expected):
    assert counted(number, *words) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (20, "20 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (300, "5 min"),
        (3600, "1 h"),
        (3620, "1 h"),
        (35_340, "9 h 49 min"),
        (90_000, "25 h"),
    ],
)
def test_a_duration_is_in_whole_units_the_two_largest(seconds, expected):
    assert duration(seconds) == expected
