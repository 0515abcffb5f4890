import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import Forbidden

from buckets import object_name, to_csv
from gaps import fetch_known, write_gaps
from localcloud.faults import Fault
from plays import key_of
from tests.ingest.items import RUN, row

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def page(listener_id, plays):
    return [row(NINE + timedelta(minutes=minute), "a", listener_id=listener_id) for minute in range(plays)]


def stored(ingesting, *rows):
    ingesting.cloud.storage.write(ingesting.landing, "plays/past.csv", to_csv(rows))
    ingesting.load("plays/past.csv")
    return ingesting.connect().bigquery


def played(minute, track="a", second=0, **values):
    return row(NINE + timedelta(minutes=minute, seconds=second), track, listener_id="ada", **values)


def imported(minute, import_id, track="b", second=0, source="export", **values):
    return played(minute, track, second, source=source, import_id=import_id, **values)


def landed_at(minute):
    """A play that ended later is of a clock that was ahead."""
    return {"ingested_at": NINE + timedelta(minutes=minute)}


@pytest.mark.parametrize(
    ("rows", "is_reached", "by_import"),
    [
        ([played(0), imported(7, "A")], True, {"ada": {"A"}}),
        ([played(0, "b")], True, {}),  # Spotify has the track under another id now
        ([played(0, **landed_at(-5))], True, {}),
        ([played(0, **landed_at(-5.1))], False, {}),
        ([played(0, **landed_at(-5.1)), *(played(minute) for minute in range(1, 50))], True, {}),  # nothing is new
        ([played(-1), *(played(minute) for minute in range(1, 51))], False, {}),  # the oldest came late
        ([imported(7, "A", **landed_at(1))], False, {}),
        ([imported(10, "A")], False, {"ada": {"A"}}),
        ([imported(49, "A", "a", source="api")], False, {"ada": {"A"}}),  # from a file that `export` has written
        (
            [imported(0, "A", "a", -89)],
            False,
            {"ada": {"A"}},
        ),  # with the oldest play on the page, its clock a little off
        ([imported(0, "A", "a", -91)], False, {}),  # before the page
    ],
)
def test_a_page_is_reached_where_the_api_has_reported_its_oldest_play_before(ingesting, rows, is_reached, by_import):
    client = stored(ingesting, *rows)
    known = fetch_known(client, page("ada", 50))
    assert (known.unreached, known.imported) == ({} if is_reached else {"ada": NINE}, by_import)
    on_page, of_api = set(map(key_of, page("ada", 50))), {key_of(each) for each in rows if each["import_id"] is None}
    assert on_page & known.keys == on_page & of_api


@pytest.mark.parametrize(
    ("stored_as", "isrc", "is_known"),
    [
        (played(0, "b", isrc="GBAAA2100001"), "GBAAA2100001", True),
        (played(0, "b", isrc="GBAAA2100001"), "GBAAA2100002", False),
        (played(0, "b"), None, False),
        (played(0, "b", second=1, isrc="GBAAA2100001"), "GBAAA2100001", False),
        (imported(0, "A", isrc="GBAAA2100001"), "GBAAA2100001", False),
    ],
)
def test_a_play_that_is_stored_under_another_id_of_the_track_is_not_landed_again(ingesting, stored_as, isrc, is_known):
    shown = played(0, "a", isrc=isrc)
    assert (key_of(shown) in fetch_known(stored(ingesting, stored_as), [shown]).keys) == is_known


COMPLETED = {"ms_played": 1, "ms_played_import_id": "A"}
"""Of a play that both have reported."""


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize(
    ("rows", "start"),
    [
        ([played(-90), imported(-30, "A"), imported(7, "A")], -90),
        ([played(-90), played(-30, **landed_at(-36)), played(7)], -90),
        ([imported(-30, "A"), imported(7, "A", **landed_at(1))], -30),
        ([played(-90, **COMPLETED), imported(-30, "A"), imported(-20, "A", source="api")], -90),
        ([imported(-90, "A"), imported(-30, "A")], -30),
        ([imported(-30, "A"), imported(7, "A")], None),
        ([imported(-90, "A"), imported(5, "A"), imported(-30, "B"), imported(7, "B")], None),
        ([imported(-90, "A"), imported(5, "A"), imported(-30, "B")], -30),
        ([imported(-90, "A"), imported(-30, "B"), imported(7, "B")], -90),
    ],
)
def test_a_gap_begins_with_the_apis_newest_play_and_an_imports_counts_where_there_is_none(
    ingesting, rows, start, is_loaded
):
    if is_loaded:
        stored(ingesting, *rows)
    else:
        ingesting.cloud.storage.write(ingesting.landing, object_name(AN_HOUR_AGO), to_csv(rows))
    cloud = ingesting.connect()
    write_gaps(cloud, RUN, {"ada": NINE}, fetch_known(cloud.bigquery, page("ada", 50)).imported)
    expected = [] if start is None else [("ada", NINE + timedelta(minutes=start), NINE)]
    assert (recorded_gaps(ingesting), ingesting.rows("closed_gaps", "gap_start")) == (expected, [])


def test_of_several_pages_those_that_nothing_stored_reaches_are_found_full_or_short(ingesting):
    client = stored(ingesting, *(row(NINE, "a", listener_id=listener_id) for listener_id in ("bob", "eve")))
    rows = [*page("ada", 50), *page("carl", 47), *page("bob", 50), *page("eve", 3)]
    assert fetch_known(client, rows).unreached == {"ada": NINE, "carl": NINE}


def test_a_gap_reaches_from_the_newest_play_before_the_page_to_the_page_and_is_recorded_once(ingesting, capsys):
    past = [("ada", -90), ("ada", -60), ("ada", 30), ("bob", -120)]
    rows = [row(NINE + timedelta(minutes=minute), "a", listener_id=listener_id) for listener_id, minute in past]
    stored(ingesting, *rows)
    cloud = ingesting.connect()
    oldest = {"ada": NINE, "bob": NINE + timedelta(minutes=180), "newcomer": NINE}
    for _ in range(2):
        write_gaps(cloud, RUN, oldest, {})
    entry = {"severity": "WARNING", "message": "Plays may be missing", "run_id": "20261122T100000Z"}
    named = [entry | {"listener": "ada"}, entry | {"listener": "bob"}]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [*named, *named]
    detected = {"run_id": "20261122T100000Z", "detected_at": RUN.started_at}
    assert ingesting.gaps() == [
        {"listener_id": "ada", "gap_start": NINE - timedelta(minutes=60), "gap_end": NINE, **detected},
        {
            "listener_id": "bob",
            "gap_start": NINE - timedelta(minutes=120),
            "gap_end": NINE + timedelta(minutes=180),
            **detected,
        },
    ]


def test_the_gaps_of_forty_pages_are_two_statements_and_a_repeat_names_whom_an_attempt_did_not(ingesting, capsys):
    """The first attempt ends between the two."""
    listeners = [f"listener-{number}" for number in range(40)]
    stored(ingesting, *(row(NINE - timedelta(hours=1), "a", listener_id=listener) for listener in listeners))
    cloud, oldest = ingesting.connect(), dict.fromkeys(listeners, NINE)
    ingesting.cloud.faults.order(Fault("bigquery POST .*/queries", status=403, skip=3))
    ingesting.cloud.faults.calls.clear()
    with pytest.raises(Forbidden):
        write_gaps(cloud, RUN, oldest, {})
    # The runs whose files are on their way and those that are not are asked for first.
    assert len([call for call in ingesting.cloud.faults.calls if "/queries" in call]) == 2 + 2
    assert (len(recorded_gaps(ingesting)), capsys.readouterr().out) == (40, "")
    write_gaps(cloud, RUN, oldest, {})
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["listener"] for entry in entries] == sorted(listeners)


def test_a_page_that_did_not_land_makes_its_gap_longer_with_the_next_one_and_not_two(ingesting):
    stored(ingesting, played(-90))
    cloud = ingesting.connect()
    for minute in (0, 9, 4):
        write_gaps(cloud, RUN, {"ada": NINE + timedelta(minutes=minute)}, {})
    assert recorded_gaps(ingesting) == [("ada", NINE - timedelta(minutes=90), NINE + timedelta(minutes=9))]


# What is landed and not loaded yet

AN_HOUR_AGO, LONG_AGO = "20261122T080000Z", "20261120T080000Z"


def land(ingesting, run_id, *minutes):
    """An earlier run's file, which load has not recorded."""
    rows = [row(NINE + timedelta(minutes=minute), "a") for minute in minutes]
    ingesting.cloud.storage.write(ingesting.landing, object_name(run_id), to_csv(rows))


def recorded_gaps(ingesting):
    return [(gap["listener_id"], gap["gap_start"], gap["gap_end"]) for gap in ingesting.gaps()]


def written_gaps(ingesting, **oldest):
    write_gaps(ingesting.connect(), RUN, oldest, {})
    return recorded_gaps(ingesting)


def test_a_gap_may_begin_with_a_play_that_is_landed_and_not_loaded(ingesting):
    land(ingesting, AN_HOUR_AGO, -50, -40)
    assert written_gaps(ingesting, ada=NINE, newcomer=NINE) == [("ada", NINE - timedelta(minutes=40), NINE)]


@pytest.mark.parametrize(
    ("oldest", "start"),
    [(played(0), None), (played(0, "b"), None), (played(7), -50), (played(0, **landed_at(-6)), -50)],
)
def test_a_page_whose_oldest_play_is_landed_has_no_gap_before_it(ingesting, oldest, start):
    ingesting.cloud.storage.write(ingesting.landing, object_name(AN_HOUR_AGO), to_csv([played(-50), oldest]))
    assert written_gaps(ingesting, ada=NINE) == (
        [] if start is None else [("ada", NINE + timedelta(minutes=start), NINE)]
    )


def test_what_was_landed_more_than_a_day_ago_and_is_not_loaded_is_no_longer_on_its_way(ingesting):
    stored(ingesting, played(-90))
    land(ingesting, LONG_AGO, -50, 0)
    assert written_gaps(ingesting, ada=NINE) == [("ada", NINE - timedelta(minutes=90), NINE)]


def test_an_imports_file_is_on_its_way_for_a_day_although_it_is_named_after_an_instant_before_it(ingesting):
    stored(ingesting, played(-90))
    land(ingesting, f"{RUN.slot - timedelta(hours=25, minutes=59, seconds=59):%Y%m%dT%H%M%SZ}", 0)
    assert written_gaps(ingesting, ada=NINE) == []


@pytest.mark.parametrize(("minute", "gaps"), [(-50, [("ada", NINE - timedelta(minutes=50), NINE)]), (0, [])])
def test_what_was_landed_more_than_a_day_ago_is_on_its_way_when_it_will_be_sent_again(ingesting, minute, gaps):
    stored(ingesting, played(-90))
    land(ingesting, LONG_AGO, minute)
    ingesting.tell(LONG_AGO, "ingest", "succeeded", finished_at=NINE - timedelta(hours=49), rows_new=1)
    assert written_gaps(ingesting, ada=NINE) == gaps


BEFORE_THE_RUN, MEANWHILE = RUN.started_at - timedelta(seconds=1), RUN.started_at + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "finished_at", "has_grown", "is_on_its_way"),
    [
        ("succeeded", BEFORE_THE_RUN, False, False),  # what it held was deleted or refused, or it would be stored
        ("succeeded", MEANWHILE, False, True),  # after the stored plays were queried
        ("succeeded", BEFORE_THE_RUN, True, True),
        ("failed", BEFORE_THE_RUN, False, False),
        ("failed", MEANWHILE, False, False),
        ("failed", BEFORE_THE_RUN, True, True),  # it was corrected by hand
    ],
)
def test_a_file_that_load_has_dealt_with_is_no_longer_on_its_way(
    ingesting, state, finished_at, has_grown, is_on_its_way
):
    stored(ingesting, played(-90))
    land(ingesting, AN_HOUR_AGO, -50, 0)
    generation = ingesting.cloud.storage.get(ingesting.landing, object_name(AN_HOUR_AGO))["generation"]
    ingesting.tell(AN_HOUR_AGO, "load", state, finished_at, details=json.dumps({"generation": generation}))
    if has_grown:
        land(ingesting, AN_HOUR_AGO, -50, 0, 5)
    assert written_gaps(ingesting, ada=NINE) == ([] if is_on_its_way else [("ada", NINE - timedelta(minutes=90), NINE)])


# Files of any size and content


def write(ingesting, text):
    ingesting.cloud.storage.write(ingesting.landing, object_name(AN_HOUR_AGO), text.encode())


def lines(*instants, listener_id="ada", track_name='"Tür, ""zu""\nund 🎶"'):
    header = "played_at,track_name,track_id,listener_id,ingested_at\n"
    return header + "".join(f"{instant},{track_name},a,{listener_id},{instant}\n" for instant in instants)


@pytest.mark.parametrize("piece_bytes", [1, 7, 64])
def test_a_file_is_read_in_pieces_of_any_size(ingesting, monkeypatch, piece_bytes):
    monkeypatch.setattr("gaps._PIECE_BYTES", piece_bytes)
    write(ingesting, lines("2026-11-22T08:10:00.000Z", "2026-11-22T08:20:00.000Z"))
    assert written_gaps(ingesting, ada=NINE) == [("ada", NINE - timedelta(minutes=40), NINE)]


def test_a_day_of_large_files_takes_little_memory(ingesting):
    for hour in range(10, 24):
        instants = [f"2026-11-21T{hour}:{n // 60:02}:{n % 60:02}.{n % 1000:03}Z" for n in range(3500)]
        name = object_name(f"20261121T{hour}0000Z")
        ingesting.cloud.storage.write(ingesting.landing, name, lines(*instants, listener_id="bob").encode())
    write(ingesting, lines("2026-11-22T08:10:00.000Z"))
    cloud = ingesting.connect()
    tracemalloc.start()
    write_gaps(cloud, RUN, {"ada": NINE}, {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert recorded_gaps(ingesting) == [("ada", NINE - timedelta(minutes=50), NINE)]
    assert peak < 6_000_000


def test_a_file_that_no_run_can_have_written_is_passed_over_and_can_only_make_a_gap_too_wide(
    ingesting, monkeypatch, capsys
):
    stored(ingesting, played(-90))
    write(ingesting, lines("2026-11-22T09:00:00.000Z"))
    size = len(lines("2026-11-22T09:00:00.000Z").encode())
    monkeypatch.setattr("gaps._MOST_BYTES", size - 1)
    assert written_gaps(ingesting, ada=NINE) == [("ada", NINE - timedelta(minutes=90), NINE)]
    entry = json.loads(capsys.readouterr().out.splitlines()[0])
    assert entry == {
        "severity": "WARNING",
        "message": "A file in the landing bucket is too large to be read",
        "object": object_name(AN_HOUR_AGO),
        "bytes": size,
    }


@pytest.mark.parametrize("instant", ["2026-11-22 09:00:00", "2026-11-22T10:00:00+01:00"])
def test_an_instant_is_read_as_bigquery_reads_it(ingesting, instant):
    stored(ingesting, played(-90))
    write(ingesting, lines(instant))
    assert written_gaps(ingesting, ada=NINE) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "who,when\nada,9\n",
        "listener_id,played_at\nada,2026-11-22T09:00:00Z\n",
        lines("yesterday", "2026-11-22T09:00:00Z"),
    ],
)
def test_what_cannot_be_read_reaches_no_page(ingesting, text):
    stored(ingesting, played(-90))
    write(ingesting, text)
    assert written_gaps(ingesting, ada=NINE) == [("ada", NINE - timedelta(minutes=90), NINE)]
