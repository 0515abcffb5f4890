"""What the API and exports have of one play becomes one row where it must be one play; of two plays none is lost."""

import re
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.load.harness import RUN, csv_of, ledger_row, play

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
TRACK, OTHER, TWO = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC", "1CmYjMHPbqUsDFN7yIDUMO"
MANNER = {
    **{"reason_start": "clickrow", "reason_end": "unexpected-exit"},
    **{"skipped": False, "shuffle": True, "incognito_mode": False},
}
IMPORT, IMPORT_ID = "20261122T120001Z", "20261122T140005Z"


def at(seconds):
    return NINE + timedelta(seconds=seconds)


def from_api(seconds, track=TRACK, **values):
    known = {"track_name": "One", "artist_name": "Ada", "duration_ms": 200_000, "isrc": "GBAAA2100001"}
    return play(0, track=track, **{"played_at": at(seconds), **known, **values})


def from_export(seconds, track=TRACK, ms_played=180_000, **values):
    of_export = {"track_name": "One", "artist_name": "Ada", "ms_played": ms_played, "source": "export"}
    of_export |= {"import_id": IMPORT_ID, "ms_played_import_id": IMPORT_ID, **MANNER}
    return play(0, track=track, **{"played_at": at(seconds), "run_id": IMPORT, **of_export, **values})


def name_of(run_id):
    return f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"


def land(loading, *rows):
    """Each call is another run's file."""
    land.count += 1
    loading.begin_imports(*{row["import_id"] for row in rows} - {None})
    loading.land(csv_of(*rows), name_of(f"20261123T{land.count // 60:02}{land.count % 60:02}01Z"))
    assert loading.deliver() == [200]


land.count = 0


def merged(api, export):
    """The one row of both, whichever came first, with the instant at which the export says that it was over."""
    over_at = export["reported_at"] or export["played_at"]
    return {
        **api,
        **{name: export[name] for name in ("ms_played", *MANNER)},
        "ms_played_import_id": export["import_id"],
        "reported_at": None if over_at == api["played_at"] else over_at,
    }


ALBUM = {"album_name": "First"}
# What the API has, and what the export has of the same play. Each is of a listener of its own.
ONE_PLAY = {
    "the same second": (from_api(10), from_export(10)),
    "90 seconds apart, less the fraction": (from_api(10), from_export(99.9)),
    "90 seconds before": (from_api(10), from_export(-80)),
    "played just long enough": (from_api(10), from_export(10, ms_played=30_000)),
    "played for two seconds": (from_api(10), from_export(11, ms_played=2_100)),
    "a time played that no track can have": (from_api(10), from_export(11, ms_played=None)),
    "interrupted, ts five hours late": (from_api(10), from_export(10, reported_at=at(18_000))),
    "interrupted, and the end is wrong": (from_api(18_000), from_export(10, reported_at=at(18_010))),
    "interrupted after ten seconds": (from_api(10), from_export(12, ms_played=10_000, reported_at=at(18_000))),
    "paused for the night": (from_api(9_000), from_export(10, reported_at=at(30_000))),
    "another id of the same title and artist": (from_api(10), from_export(12, track=OTHER)),
    "in capitals": (from_api(10), from_export(12, track=OTHER, track_name="ONE", artist_name="ada")),
    "the accent as a letter of its own": (
        from_api(10, track_name="Caf\u00e9", artist_name="Bj\u00f6rk"),
        from_export(12, track=OTHER, track_name="Cafe\u0301", artist_name="Bjo\u0308rk"),
    ),
    "full-width letters, and an apostrophe of another kind": (
        from_api(10, track_name="ＤＡＮＣＥ! It\u2019s on"),
        from_export(12, track=OTHER, track_name="Dance！ It's on"),
    ),
    "sharp s": (from_api(10, track_name="Straße"), from_export(12, track=OTHER, track_name="STRASSE")),
    "remastered": (
        from_api(10, track_name="Ashes - Remastered 2011"),
        from_export(12, track=OTHER, track_name="Ashes (2011 Remaster)"),
    ),
    "remastered, and not": (
        from_api(10, track_name="Ashes - 2011 Digital Remaster"),
        from_export(12, track=OTHER, track_name="Ashes"),
    ),
    "a live take, remastered": (
        from_api(10, track_name="Ashes - Live / Remastered 2011"),
        from_export(12, track=OTHER, track_name="Ashes (Live) [2011 Remaster]"),
    ),
    "of the deluxe edition": (
        from_api(10, track_name="Ashes"),
        from_export(12, track=OTHER, track_name="Ashes (Deluxe Edition) [Bonus Track]"),
    ),
    "with the guest in the title": (
        from_api(10, track_name="Ashes (feat. Bo & Cy)"),
        from_export(12, track=OTHER, track_name="Ashes - featuring Bo & Cy"),
    ),
    "a title without a letter": (from_api(10, track_name="???"), from_export(12, track=OTHER, track_name="???")),
    "the artist of the album is the second one credited": (
        from_api(10, artist_names="Ada; Bo & Co; Cy"),
        from_export(12, track=OTHER, artist_name="BO & CO"),
    ),
    "on a compilation": (
        from_api(10, **ALBUM),
        from_export(12, track=OTHER, artist_name="Various Artists", **ALBUM),
    ),
    "on another compilation, played whole": (
        from_api(10, album_name="Hits"),
        from_export(12, track=OTHER, artist_name="Verschiedene Interpreten", album_name="Best", ms_played=199_500),
    ),
    "the ISRC alone": (from_api(10), from_export(12, track=OTHER, track_name="いち", artist_name="エイダ")),
}
TWO_PLAYS = {
    "91 seconds apart": (from_api(10), from_export(101)),
    "paused, but not played whole": (from_api(10), from_export(190, ms_played=150_000)),
    "the API's instant is later": (from_api(200), from_export(10)),
    "31 seconds apart, and short": (from_api(10), from_export(41.5, ms_played=2_100)),
    "another title": (from_api(10), from_export(10, track=OTHER, track_name="Two")),
    "another artist": (from_api(10), from_export(10, track=OTHER, artist_name="Bob")),
    "an unknown title is not equal to anything": (from_api(10), from_export(10, track=OTHER, track_name=None)),
    "another take": (from_api(10), from_export(10, track=OTHER, track_name="One - Live")),
    "another mix": (from_api(10), from_export(10, track=OTHER, track_name="One (Remix)")),
    "a part of the artist's name": (from_api(10, artist_name="Adam"), from_export(10, track=OTHER)),
    "a year as title": (
        from_api(10, track_name="1979 - Remastered 2012"),
        from_export(10, track=OTHER, track_name="1999 - Remastered 2012"),
    ),
}

# What the API shows of one play on two pages.
RELISTED = {
    "the ISRC": (from_api(10), from_api(10, OTHER, track_name="いち", artist_name="エイダ")),
    "the ISRC, spelled as an earlier version stored it": (
        from_api(10, isrc="gb-aaa-21-00001"),
        from_api(10, OTHER, track_name="いち", artist_name="エイダ"),
    ),
    "the ISRC that tracks knows": (
        from_api(10),
        from_api(10, OTHER, track_name="いち", artist_name="エイダ", isrc=None),
    ),
    "the title and the artist, of two ISRCs": (from_api(10), from_api(10, OTHER, isrc="GBAAA2100002")),
    "the title and the second artist": (
        from_api(10, artist_names="Ada; Bo", isrc=None),
        from_api(10, OTHER, track_name="ONE - Remastered 2011", artist_name="bo"),
    ),
}
NOT_RELISTED = {
    "a millisecond later": (from_api(10), from_api(10.001, OTHER)),
    "of another artist": (from_api(10, isrc=None), from_api(10, OTHER, artist_name="Bob")),
    "of another title": (from_api(10), from_api(10, OTHER, track_name="Two", isrc="GBAAA2100002")),
    "of nothing that is known": tuple(play(0, track=track) for track in (TRACK, OTHER)),
}


def knows_isrc(loading, listener, track, isrc):
    """The row of `tracks` that Spark wrote when the API once had this id."""
    loading.warehouse.query_and_wait(
        "INSERT INTO listening.tracks (listener_id, track_id, isrc, source, last_played_at, run_id) "
        f"VALUES ('{listener}', '{track}', '{isrc}', 'api', TIMESTAMP '2026-01-01', 'r')"
    )


def of_listeners(cases, which):
    return [{**rows[which], "listener_id": slug(name)} for name, rows in cases.items()]


def slug(name):
    return re.sub("[^a-z0-9]+", "-", name.lower())


@pytest.mark.parametrize("api_first", [True, False])
def test_names_that_the_api_has_emptied_are_as_the_export_has_them(loading, api_first):
    names = {"track_name": "One", "artist_name": "Ada", "album_name": "Of the export"}
    api, export = from_api(10, track_name=None, artist_name=None), from_export(12, **names)
    first, second = (api, export) if api_first else (export, api)
    land(loading, first)
    land(loading, second)
    assert loading.plays() == [merged(api, export) | names]


@pytest.mark.parametrize("api_first", [True, False])
def test_what_the_api_and_an_export_have_of_one_play_is_one_row(loading, api_first):
    knows_isrc(loading, slug("the ISRC alone"), OTHER, "GBAAA2100001")
    api, exports = of_listeners(ONE_PLAY, 0), of_listeners(ONE_PLAY, 1)
    first, second = (api, exports) if api_first else (exports, api)
    expected = [merged(*rows) for rows in zip(api, exports, strict=True)]
    land(loading, *first)
    land(loading, *second)

    found = {row["listener_id"]: [] for row in api}
    for row in loading.plays():
        found[row["listener_id"]].append(row)
    assert found == {row["listener_id"]: [row] for row in expected}
    loading.receive()
    for again in (api, exports, exports, api):
        land(loading, *again)
    assert loading.rows("plays", "listener_id") == sorted(expected, key=lambda row: row["listener_id"])
    assert loading.receive() == [], "again, in any order, nothing changes"
    counts = len(ONE_PLAY)
    completed = [row for row in loading.ledger() if "completed" in row["reason"]]
    assert [(row["reason"], row["rows_new"], row["details"]) for row in completed] == [
        (
            f"Of {counts} plays in the file none were new and {counts} completed a stored play.",
            counts,
            {"new": 0, "completed": counts, "known": 0},
        )
    ]


@pytest.mark.parametrize("api_first", [True, False])
def test_what_could_be_two_plays_stays_two_rows(loading, api_first):
    api, exports = of_listeners(TWO_PLAYS, 0), of_listeners(TWO_PLAYS, 1)
    for rows in (api, exports) if api_first else (exports, api):
        land(loading, *rows)

    found = sorted(loading.plays(), key=lambda row: (row["listener_id"], row["source"]))
    assert found == sorted([*api, *exports], key=lambda row: (row["listener_id"], row["source"]))


@pytest.mark.parametrize("in_one_file", [False, True])
def test_a_play_that_the_api_shows_again_under_another_id_of_the_track_is_one_row(loading, in_one_file):
    knows_isrc(loading, slug("the ISRC that tracks knows"), OTHER, "GBAAA2100001")
    first, again = of_listeners(RELISTED, 0), of_listeners(RELISTED, 1)
    for rows in [first + again] if in_one_file else [first, again]:
        land(loading, *rows)
    stored = again if in_one_file else first
    assert loading.rows("plays", "listener_id") == stored
    loading.receive()
    for rows in (again, first, again + first):
        land(loading, *rows)
    assert (loading.rows("plays", "listener_id"), loading.receive()) == (stored, [])

    exports = [from_export(12, **{name: row[name] for name in ("listener_id", "track_id")}) for row in stored]
    land(loading, *exports)
    land(loading, *again, *first)
    assert loading.rows("plays", "listener_id") == [merged(*rows) for rows in zip(stored, exports, strict=True)]


ARCHIVED = {"import_id": IMPORT_ID, "ms_played": 180_000, "ms_played_import_id": IMPORT_ID, **MANNER}
"""What a row of the API's has in a file that `export` has written."""


@pytest.mark.parametrize("api_first", [True, False])
def test_a_play_under_another_id_of_the_track_completes_the_row_that_is_stored(loading, api_first):
    """The API's own row takes the place of an import's, which an undo takes away; an import adds the time played."""
    api, archived = [from_api(10), from_api(10, "7ouMYWpwJ422jRcDASZB7P")], from_api(10, OTHER, **ARCHIVED)
    for rows in (api, [archived]) if api_first else ([archived], api):
        land(loading, *rows)
    assert loading.plays() == [merged(api[0], archived)]
    details = {"new": 0, "completed": 1, "known": 0 if api_first else 1}
    assert loading.ledger()[-1]["details"] == details


@pytest.mark.parametrize(
    ("stored", "file", "row"),
    [
        ([from_export(10)], [from_api(10, OTHER), from_api(10)], merged(from_api(10), from_export(10))),
        ([], [from_api(10, OTHER, import_id=IMPORT_ID), from_api(10, **ARCHIVED)], from_api(10, **ARCHIVED)),
    ],
    ids=["the one that is stored from an export", "the one with the time played"],
)
def test_of_two_ids_of_a_track_in_one_file_the_fuller_row_is_stored(loading, stored, file, row):
    for rows in filter(None, (stored, file)):
        land(loading, *rows)
    assert loading.plays() == [row]


def test_what_the_api_shows_of_one_instant_can_be_two_plays(loading):
    for rows in (of_listeners(NOT_RELISTED, 0), of_listeners(NOT_RELISTED, 1)):
        land(loading, *rows)
    assert len(loading.plays()) == 2 * len(NOT_RELISTED)


def test_of_two_plays_of_one_instant_each_is_known_under_another_id(loading):
    two, one = from_api(10, TWO, track_name="Two", isrc="GBAAA2100002"), from_api(10)
    for row in (two, one, from_api(10, OTHER), from_api(10, OTHER, import_id=IMPORT_ID)):
        land(loading, row)
    assert loading.plays() == [two, one]


@pytest.mark.parametrize("files", [["abc"], ["a", "bc"], ["ab", "c"], ["a", "b", "c"]], ids="-".join)
def test_a_row_that_agrees_with_the_first_by_its_title_does_not_bring_along_another_with_its_isrc(loading, files):
    """Nothing says that the third row is the same recording as the first."""
    isrc = {"isrc": "GBAAA2100002"}
    chain = {"a": from_api(10, TWO), "b": from_api(10, OTHER, **isrc), "c": from_api(10, track_name="Uno", **isrc)}
    for file in files:
        land(loading, *(chain[row] for row in file))
    assert loading.plays() == [chain["a"], chain["c"]]


def test_two_listeners_never_share_a_play(loading):
    land(loading, from_api(10))
    land(loading, from_export(10, listener="bob"))
    assert len(loading.plays()) == 2


LATE = {
    "a pause of an hour": (
        [from_api(0, OTHER, track_name="Two"), from_api(200)],
        [from_export(0, OTHER, track_name="Two"), from_export(3_800), from_export(4_000, ms_played=170_000)],
    ),
    "a pause of three minutes, of the first play of a file": ([from_api(10)], [from_export(190, ms_played=199_000)]),
    "a trip offline": (
        [from_api(0), from_api(300, OTHER, track_name="Two"), from_api(600)],
        [from_export(0), from_export(3_800, OTHER, track_name="Two"), from_export(3_800)],
    ),
}
"""Of exports without `offline_timestamp`. The API does not show the last play of the first: the same track again."""


@pytest.mark.parametrize(("api", "exports"), LATE.values(), ids=LATE)
def test_a_play_whose_end_was_written_down_late_lies_after_the_play_before_it(loading, api, exports):
    land(loading, *api)
    land(loading, *exports)
    paired = [merged(*rows) for rows in zip(api, exports, strict=False)]
    assert loading.plays() == [*paired, *exports[len(api) :]]
    assert {row["error_class"] for row in loading.ledger()} == {None}


def test_only_the_file_of_an_export_says_which_play_was_before(loading):
    """Of the stored plays an undo may have taken that one back: the same track later on is another play."""
    exports = [from_export(190, ms_played=199_000)]
    exports += [{**row, "listener_id": "bob"} for row in (from_export(-600, OTHER, track_name="Two"), *exports)]
    land(loading, *exports)
    land(loading, from_api(10), from_api(10, listener="bob"))
    assert len(loading.plays()) == 5
    assert {row["error_class"] for row in loading.ledger()} == {None}


@pytest.mark.parametrize("api_first", [True, False])
def test_a_track_skipped_at_once_is_not_the_play_after_it(loading, api_first):
    """The long play is the one that the API shows, even if the short one is nearer; it may show both."""
    api = [from_api(0), from_api(4, listener="bob"), from_api(-1, listener="bob")]
    exports = [from_export(-5), from_export(1, ms_played=3_000)]
    exports += [{**row, "listener_id": "bob"} for row in exports]
    for rows in (api, exports) if api_first else (exports, api):
        land(loading, *rows)
    pairs = [(row["listener_id"], row["source"], row["ms_played"]) for row in loading.plays()]
    assert sorted(pairs) == [
        *(("ada", "api", 180_000), ("ada", "export", 3_000)),
        *(("bob", "api", 3_000), ("bob", "api", 180_000)),
    ]


@pytest.mark.parametrize("api_first", [True, False])
def test_a_play_and_the_same_track_skipped_right_after_it_keep_their_order(loading, api_first):
    """The API shows both, and the instant that it gives of the skipped one is nearer to the end of the play."""
    api, exports = [from_api(-15), from_api(12.5)], [from_export(0), from_export(13, ms_played=13_000)]
    for rows in (api, exports) if api_first else (exports, api):
        land(loading, *rows)
    assert loading.plays() == [merged(*rows) for rows in zip(api, exports, strict=True)]


@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize(
    ("older", "rows_stored"),
    [
        pytest.param(from_export(18_000), 1, id="by its ts"),
        pytest.param(from_export(100, reported_at=at(18_000)), 1, id="by a beginning that was worked out"),
        pytest.param(from_export(101, reported_at=at(18_000)), 2, id="so late that it can be the next play"),
        pytest.param(from_export(11, ms_played=1_646, reported_at=at(18_000)), 1, id="by a skip's beginning"),
        pytest.param(from_export(12, ms_played=1_646, reported_at=at(18_000)), 2, id="the next skip"),
    ],
)
def test_a_play_that_another_export_dates_otherwise_is_not_stored_again(loading, older_first, older, rows_stored):
    """Also what an import of an earlier version has stored; the row that is there stays as it is."""
    newer = from_export(10, ms_played=older["ms_played"], reported_at=at(18_000))
    rows = (older, newer) if older_first else (newer, older)
    for row in rows:
        land(loading, row)
    assert (rows[0] in loading.plays(), len(loading.plays())) == (True, rows_stored)
    assert {row["error_class"] for row in loading.ledger()} == {None}


def test_repeats_of_a_track_are_matched_one_to_one_each_with_its_nearest(loading):
    """A minute of noise in a loop: the API shows two of the four plays."""
    exports = [from_export(60 * number, ms_played=60_000 - number) for number in range(4)]
    api = [from_api(60 - 14.5), from_api(180 - 14.5)]
    land(loading, *api)
    land(loading, *exports)

    one, three = merged(api[0], exports[1]), merged(api[1], exports[3])
    assert loading.plays() == [exports[0], one, exports[2], three]
    assert loading.ledger()[-1]["details"] == {"new": 2, "completed": 2, "known": 0}


def test_the_same_id_counts_for_more_than_a_smaller_distance(loading):
    relinked, same = from_export(11, track=OTHER), from_export(40)
    land(loading, from_api(10))
    land(loading, relinked, same)

    assert loading.plays() == [merged(from_api(10), same), relinked]


def test_a_stored_time_played_is_never_overwritten(loading):
    """The play that taught it is not in this file; the one that is there is another."""
    api, first, second = from_api(0), from_export(0, ms_played=90_000), from_export(60, ms_played=50_000)
    land(loading, api)
    land(loading, first)
    land(loading, second)

    assert loading.plays() == [merged(api, first), second]


def test_a_file_of_many_years_is_one_ledger_row_with_what_became_of_its_rows(loading):
    land(loading, from_api(0), from_api(1000))
    loading.receive()
    loading.begin_imports(IMPORT_ID)
    loading.land(
        csv_of(from_export(0), from_export(1000), from_export(-300_000_000), from_export(1000)), name_of(IMPORT)
    )
    assert loading.deliver() == [200]

    rows = [row for row in loading.ledger() if row["run_id"] == IMPORT]
    slot = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
    reason = "Of 4 plays in the file 1 was new and 2 completed a stored play."
    assert rows == [ledger_row("succeeded", reason, 4, 3, 1, completed=2, run_id=IMPORT, slot=slot)]
    assert [message["rows_new"] for message in loading.receive()] == [3]
    assert len(loading.plays()) == 3
    assert RUN in {row["run_id"] for row in loading.plays()}


@st.composite
def tellings(draw):
    """True plays of two tracks, and which of them the API shows; its clock is up to 14 s off, within one track."""
    gaps = draw(st.lists(st.integers(30, 400), min_size=1, max_size=12))
    off_ms = draw(st.integers(-14_000, 14_000))
    plays, ended = [], 0
    for gap in gaps:
        ended += gap
        plays.append((ended, draw(st.sampled_from([TRACK, OTHER])), draw(st.booleans())))
    exports = [from_export(end, track, ms_played=30_000 + end, track_name=track) for end, track, _ in plays]
    api = [
        from_api(
            *(end, track),
            **{"track_name": track, "duration_ms": 9_999_000},
            played_at=at(end) + timedelta(milliseconds=off_ms + 7),
        )
        for end, track, is_shown in plays
        if is_shown
    ]
    pauses = [0, *(number for number, gap in enumerate(gaps) if gap > 90 + 14), len(gaps)]
    files = [*_cut(draw, api, range(len(api) + 1)), exports, *_cut(draw, exports, pauses)]
    return plays, draw(st.permutations(files))


def _cut(draw, rows, places):
    """Pages overlap; so may files of an export, but each is a stretch without holes that ends in a pause."""
    first, last = sorted(draw(st.lists(st.sampled_from(places), min_size=2, max_size=2)))
    return [file for file in (rows[:last], rows[first:]) if file]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=st.lists(tellings(), min_size=10, max_size=10))
def test_files_of_the_api_and_of_an_export_in_any_order_give_one_row_per_true_play(loading, lives):
    """Ten listeners share the files of a run, as in ingest: one by one, this takes minutes on a busy machine."""
    loading.warehouse.query_and_wait("DELETE FROM listening.plays WHERE TRUE")
    for files in zip_longest(*(files for _, files in lives), fillvalue=()):
        land(loading, *(row | {"listener_id": f"l{number}"} for number, rows in enumerate(files) for row in rows))
    found = {number: [] for number in range(len(lives))}
    for row in loading.plays():
        found[int(row["listener_id"][1:])].append((row["ms_played"], row["track_id"], row["source"] == "api"))
    assert {number: sorted(rows, key=str) for number, rows in found.items()} == {
        number: sorted(((30_000 + end, track, is_shown) for end, track, is_shown in plays), key=str)
        for number, (plays, _) in enumerate(lives)
    }
