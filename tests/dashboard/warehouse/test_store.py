"""The store over BigQuery: what it loads, how often it queries, what it bills."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import time_machine

from localcloud.gcp.credentials import write_service_account
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.processes import free_port
from tests.dashboard.invented.history import at
from tests.dashboard.warehouse.over_bigquery import GAP, open_store, row
from tests.seed import rows_of, seed
from warehouse import store as warehouse_store
from warehouse.store import Store


def listed(last_played_at: str, track_id: str, listener_id: str = "ania", **values: Any) -> dict[str, Any]:
    """A row of `tracks`, as a batch left it."""
    usual = {"track_name": f"Listed {track_id}", "artist_names": "Ada", "duration_ms": 60_000, "source": "api"}
    key = {"listener_id": listener_id, "track_id": track_id, "last_played_at": at(last_played_at), "run_id": "x"}
    return {**usual, **key, **values}


def queries(cloud: LaptopCloud) -> int:
    """How many jobs BigQuery was given since the test began."""
    return sum(call.startswith("bigquery POST") and call.endswith("/jobs") for call in cloud.faults.calls)


def test_a_listeners_plays_are_loaded_and_no_others(cloud: LaptopCloud, store: Store):
    exported = row("2026-11-20 10:00", "b", source="export", ms_played=29_000)
    seed(
        cloud,
        "plays",
        [row("2026-11-21 10:00:00.123", "a", context_type="album"), exported, row("2026-11-21 11:00", "c", "ben")],
    )
    history = store.history("ania").value
    columns = ["played_at", "track", "heard_ms", "measured", "counts", "source", "context_type"]
    found = history.plays[columns].astype({"source": object, "context_type": object})
    assert found.where(found.notna(), None).values.tolist() == [
        [pd.Timestamp(at("2026-11-20 10:00")), 1, 29_000, True, False, "export", None],
        [pd.Timestamp(at("2026-11-21 10:00:00.123")), 0, 180_000, False, True, "api", "album"],
    ]
    assert history.tracks["track_name"].tolist() == ["Song a", "Song b"]


def test_no_text_of_a_play_becomes_another_play_or_another_word(cloud: LaptopCloud, store: Store):
    """What the query packs into a line comes back as it was, or as unknown."""
    kept = ["album", "null", "nan"]
    odd = ["", None, "two words", "a\n1 2 api b", "a\r", '"album', "NA", "альбом", "album "]
    contexts = [*kept, *odd]
    seed(cloud, "plays", [row(f"2026-11-20 10:{n:02d}", "a", context_type=text) for n, text in enumerate(contexts)])
    seed(cloud, "plays", [row("2026-11-20 11:00", "a", source="an export", ms_played=0)])
    plays = store.history("ania").value.plays
    found = plays["context_type"].astype(object)
    assert found.where(found.notna(), None).tolist() == [*kept, *[None] * (len(odd) + 1)]
    assert plays["source"].tolist() == ["api"] * len(contexts) + ["other"]
    assert plays["measured"].tolist() == [False] * len(contexts) + [True]


def test_why_a_play_ended_decides_how_it_ended(cloud: LaptopCloud, store: Store):
    endings = {
        ("trackdone", None): "end",
        ("trackdone", True): "end",
        ("fwdbtn", False): "skip",
        ("backbtn", None): "skip",
        ("endplay", True): "skip",
        ("logout", False): "other",
        ("unexpected-exit-while-paused", None): "other",
        ("logout", True): "skip",
        ("unknown", False): None,
        ("unknown", True): "skip",
        (None, True): "skip",
        (None, False): None,
        (None, None): None,
        ("end 1\n2", None): "other",
    }
    plays = [
        row(f"2026-11-20 10:{minute}", "a", context_type="", reason_end=reason_end, skipped=skipped)
        for minute, (reason_end, skipped) in enumerate(endings, start=10)
    ]
    seed(cloud, "plays", plays)
    found = store.history("ania").value.plays["ending"].astype(object)
    assert found.where(found.notna(), None).tolist() == [*endings.values()]


def test_a_play_that_is_stored_twice_counts_once(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-21 10:00", "a"), row("2026-11-21 10:00", "a"), row("2026-11-21 10:00", "b")])
    assert len(store.history("ania").value.plays) == 2


def in_catalogue(track_id: str, **values: Any) -> dict[str, Any]:
    """A row of `catalogue` whose audio features are known."""
    return {
        "track_id": track_id,
        "features_source": "reccobeats",
        "features_asked_at": at("2026-11-22 09:00"),
        **values,
    }


def test_the_catalogue_is_counted_over_the_tracks_of_all_listeners(cloud: LaptopCloud, store: Store):
    now = datetime.now(UTC)
    seed(cloud, "plays", [row("2026-11-20 10:00", track_id, "ben") for track_id in "abbcde"])
    unknown = {"ask_again_at": now + timedelta(days=30), "features_asked_at": now}
    refused = {"features_source": None, "ask_again_at": now + timedelta(days=1)}
    seed(
        cloud,
        "catalogue",
        [
            in_catalogue("a", energy=0.5),
            in_catalogue("b", energy=0.5, features_asked_at=now),
            in_catalogue("c", **unknown),
            in_catalogue("d", **refused),
            in_catalogue("never-played", energy=0.5),
        ],
    )
    assert store.catalogue().value.to_dict("records") == [{"tracks": 5, "known": 2, "unknown": 1, "requested": 2}]


def test_a_track_is_shown_as_the_api_last_reported_it_with_the_newest_isrc(cloud: LaptopCloud, store: Store):
    rows = [
        row("2026-11-01 10:00", "a", track_name="Old", isrc="ONE", energy=0.5, features_source="reccobeats"),
        row("2026-11-02 10:00", "a", track_name="New", isrc="", energy=0.6, features_source="reccobeats"),
        row("2026-11-03 10:00", "a", track_name="Newest", energy=None),
        row("2026-11-04 10:00", "a", track_name="Export", source="export", ms_played=60_000, artist_id=None),
    ]
    seed(cloud, "plays", rows)
    tracks = store.history("ania").value.tracks
    assert tracks[["track_name", "artist_id", "isrc", "energy"]].values.tolist() == [["New", "ada", "ONE", 0.6]]


def test_names_that_a_later_play_empties_stay_as_they_were_reported_last(cloud: LaptopCloud, store: Store):
    names = ["track_name", "artist_id", "artist_name", "artist_names", "album_id", "album_name", "image_url"]
    emptied = dict.fromkeys(names, "")
    album = {"isrc": "ONE", "album_id": "album", "album_name": "Album", "image_url": "https://i.scdn.co/image/a"}
    seed(
        cloud,
        "plays",
        [
            row("2026-11-01 10:00", "a", **album, explicit=True),
            row("2026-11-02 10:00", "a", **album | {"image_url": None}, track_name="Renamed", duration_ms=None),
            row("2026-11-03 10:00", "a", **emptied),
            row("2026-11-04 10:00", "other id", **emptied, isrc="ONE"),
        ],
    )
    first = store.history("ania").value
    a = row("2026-11-01 10:00", "a", **album, track_name="Renamed")
    assert first.tracks[names].values.tolist() == [[a[name] for name in names]] * 2
    assert first.tracks["explicit"].tolist()[0] is True

    seed(cloud, "plays", [row("2026-11-05 10:00", "a", **emptied)])
    assert store.history("ania").value.tracks[names].equals(first.tracks[names])


def test_a_listener_without_plays_has_an_empty_history(store: Store):
    assert store.history("ania").value.is_empty
    assert store.history("ania").value.local("Europe/Berlin").empty
    assert store.listeners().value == ()


def test_nothing_is_asked_again_while_the_table_stays_as_it_is(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-21 10:00", "a")])
    first = store.history("ania")
    before = queries(cloud)
    assert before == 1 + 3
    assert store.history("ania").value is first.value
    assert queries(cloud) == before


def test_a_new_version_is_loaded_and_completes_what_was_known_of_tracks(cloud: LaptopCloud, store: Store):
    seed(
        cloud,
        "plays",
        [row("2026-11-01 10:00", "a", image_url="https://i.scdn.co/image/a"), row("2026-11-02 10:00", "b")],
    )
    store.history("ania")
    seed(cloud, "plays", [row("2026-11-21 10:00", "a", track_name="Renamed"), row("2026-11-20 10:00", "c")])
    history = store.history("ania").value
    assert len(history.plays) == 4
    known = history.tracks[["track_id", "track_name", "image_url"]].astype(object)
    assert known.where(known.notna(), None).values.tolist() == [
        ["a", "Renamed", "https://i.scdn.co/image/a"],
        ["b", "Song b", None],
        ["c", "Song c", None],
    ]


def test_what_spark_has_listed_is_not_looked_for_in_the_plays(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a"), row("2026-11-02 10:00", "b"), row("2026-11-03 10:00", "a")])
    seed(cloud, "tracks", [listed("2026-11-03 10:00", "a"), listed("2026-11-02 10:00", "b")])
    cloud.faults.calls.clear()
    history = store.history("ania").value
    assert queries(cloud) == len(("plays", "tracks"))
    assert history.tracks["track_name"].tolist() == ["Listed a", "Listed b"]
    assert history.plays["heard_ms"].tolist() == [60_000] * 3
    assert not {"source", "last_played_at"} & set(history.tracks)


def test_what_was_played_after_the_batch_is_read_from_the_plays_and_completed_from_the_list(
    cloud: LaptopCloud, store: Store
):
    plays = [row("2026-11-01 10:00", "a"), row("2026-11-02 10:00", "b"), row("2026-11-03 10:00", "c", popularity=None)]
    seed(cloud, "plays", [*plays, row("2026-11-03 11:00", "a", track_name="Renamed")])
    batch = [listed("2026-11-01 10:00", "a", image_url="https://i.scdn.co/image/a", popularity=7, energy=0.5)]
    seed(cloud, "tracks", [*batch, listed("2026-11-02 10:00", "b", popularity=8, energy=0.25)])
    found = store.history("ania").value.tracks
    known = found[["track_id", "track_name", "image_url", "popularity", "energy"]].astype(object)
    assert known.where(known.notna(), None).values.tolist() == [
        ["a", "Renamed", "https://i.scdn.co/image/a", 7, 0.5],
        ["b", "Listed b", None, 8, 0.25],
        ["c", "Song c", None, None, None],
    ]


def test_a_track_that_an_export_listed_is_shown_as_the_api_lists_it_as_soon_as_it_does(
    cloud: LaptopCloud, store: Store
):
    exported = row("2026-11-02 10:00", "a", track_name="Exported", source="export", ms_played=60_000)
    seed(cloud, "plays", [row("2026-11-01 10:00", "a", track_name="Told"), exported])
    seed(cloud, "tracks", [listed("2026-11-02 10:00", "a", source="export", track_name="Exported")])
    assert store.history("ania").value.tracks["track_name"].tolist() == ["Told"]


def test_of_the_list_only_the_listeners_own_tracks_that_have_a_play_are_kept(cloud: LaptopCloud, store: Store):
    """The list is as old as the newest batch: a listener may have been forgotten since."""
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    gone, others = listed("2026-11-01 10:00", "gone"), listed("2026-11-01 10:00", "b", "ben")
    seed(cloud, "tracks", [listed("2026-11-01 10:00", "a"), gone, others])
    assert store.history("ania").value.tracks["track_id"].tolist() == ["a"]
    assert store.history("ben").value.is_empty


def imported(when: str, track_id: str) -> dict[str, Any]:
    return row(when, track_id, source="export", ms_played=60_000, duration_ms=None, isrc=None)


def test_what_a_batch_has_learned_of_known_tracks_is_shown_without_reading_the_plays_again(
    cloud: LaptopCloud, store: Store
):
    plays = [imported("2026-11-01 10:00:00.5", "a"), imported("2026-11-02 10:00", "b")]
    seed(cloud, "plays", [*plays, row("2026-11-03 10:00", "b", context_type="album", duration_ms=None)])
    before = store.history("ania").value
    assert before.tracks["recording"].tolist() == [0, 1]
    learned = {"isrc": "ONE", "energy": 0.5, "image_url": "https://i.scdn.co/image/a", "duration_ms": 90_000}
    seed(cloud, "tracks", [listed("2026-11-01 10:00:00.5", "a", **learned), listed("2026-11-03 10:00", "b", **learned)])
    asked = queries(cloud)
    history = store.history("ania").value
    assert queries(cloud) - asked == len(("tracks",))
    assert (
        history.tracks[["isrc", "energy", "image_url"]].values.tolist()
        == [["ONE", 0.5, "https://i.scdn.co/image/a"]] * 2
    )
    assert history.tracks["recording"].tolist() == [1, 1], "one song under two ids"
    assert before.plays["heard_ms"].tolist() == [60_000, 60_000, 0]
    assert history.plays["heard_ms"].tolist() == [60_000, 60_000, 90_000]
    pd.testing.assert_frame_equal(history.plays.drop(columns="heard_ms"), before.plays.drop(columns="heard_ms"))


def test_new_plays_read_no_list_again_and_a_new_list_keeps_them(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    seed(cloud, "tracks", [listed("2026-11-01 10:00", "a")])
    store.history("ania")
    seed(cloud, "plays", [row("2026-11-02 10:00", "b")])
    asked = queries(cloud)
    store.history("ania")
    assert queries(cloud) - asked == len(("plays", "tracks_since"))
    # A batch that began before the new play.
    seed(cloud, "tracks", [listed("2026-11-01 10:00", "a", track_name="Renamed")], "WRITE_TRUNCATE")
    asked = queries(cloud)
    assert store.history("ania").value.tracks["track_name"].tolist() == ["Renamed", "Song b"]
    assert queries(cloud) - asked == len(("tracks", "tracks_since"))


def test_an_imported_play_from_years_ago_brings_its_track_along(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    store.history("ania")
    seed(cloud, "plays", [row("2016-01-01 10:00", "old", source="export", ms_played=60_000)])
    assert store.history("ania").value.tracks["track_name"].tolist() == ["Song a", "Song old"]


def test_a_forgotten_listener_is_gone_with_the_next_version(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    store.history("ania")
    seed(cloud, "plays", [], "WRITE_TRUNCATE")
    assert store.history("ania").value.is_empty


def test_runs_are_the_newest_fortnight_with_details_as_values(cloud: LaptopCloud, store: Store):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    details = {"listeners": {"ania": {"state": "collected", "new": 3}, "cleo": {"state": "failed"}}}
    usual = {"run_id": "x", "state": "succeeded", "started_at": now, "finished_at": now}
    rows = [
        {**usual, "slot": now - timedelta(days=40), "step": "ingest"},
        {**usual, "slot": now - timedelta(hours=1), "step": "load", "rows_new": 3},
        {**usual, "slot": now, "step": "ingest", "details": json.dumps(details)},
    ]
    seed(cloud, "runs", rows)
    runs = store.runs().value
    assert runs["step"].tolist() == ["ingest", "load"]
    assert runs["details"].tolist() == [details, None]
    assert store.listeners().value == ("ania", "cleo")


def test_the_last_run_is_read_however_long_ago_it_was(cloud: LaptopCloud, store: Store):
    """After weeks without a schedule an import is the only run of the newest days."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    usual = {"state": "succeeded", "started_at": now, "finished_at": now}
    steps = [(40, "ingest"), (30, "ingest"), (30, "load"), (20, "undo"), (0, "import"), (0, "load")]
    seed(
        cloud,
        "runs",
        [{**usual, "run_id": f"{days}", "slot": now - timedelta(days=days), "step": step} for days, step in steps],
    )
    runs = store.runs().value
    assert sorted(zip(runs["run_id"], runs["step"], strict=True)) == [
        ("0", "import"), ("0", "load"), ("20", "undo"), ("30", "ingest"), ("30", "load"),
    ]  # fmt: skip


def test_the_last_run_is_read_where_the_ledger_has_changed_since_without_a_row(cloud: LaptopCloud, store: Store):
    """As `forget` changes it."""
    past = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=20)
    row = {"run_id": "x", "slot": past, "step": "ingest", "state": "succeeded", "started_at": past, "finished_at": past}
    seed(cloud, "runs", [row])
    assert store.runs().value["run_id"].tolist() == ["x"]


def test_where_nothing_has_run_but_an_import_the_import_is_read(cloud: LaptopCloud, store: Store):
    now = datetime.now(UTC)
    row = {"run_id": "x", "slot": now, "step": "import", "state": "succeeded", "started_at": now, "finished_at": now}
    seed(cloud, "runs", [row, row | {"run_id": "y", "slot": now - timedelta(days=20)}])
    assert store.runs().value["run_id"].tolist() == ["x"]


def test_of_an_outcome_the_newest_row_is_read_and_of_load_the_sum_of_all_generations(cloud: LaptopCloud, store: Store):
    now = datetime.now(UTC).replace(microsecond=0)
    usual = {"run_id": "x", "slot": now, "state": "succeeded", "started_at": now}
    rows = [
        {"step": "ingest", "state": "skipped", "listeners": 2, "reason": "polled"},
        {"step": "ingest", "state": "skipped", "listeners": 0, "reason": "in a pause"},
        {"step": "ingest", "listeners": 2, "rows_new": 50, "reason": "first"},
        {"step": "ingest", "listeners": 2, "rows_new": 70, "reason": "second"},
        {"step": "load", "listeners": 2, "rows_new": 50, "reason": "first"},
        {"step": "load", "listeners": 2, "rows_new": 20, "reason": "second"},
        {"step": "load", "listeners": 2, "rows_new": 0, "reason": "re-sent", "error_class": "RowsRefused"},
        {"step": "load", "state": "failed", "reason": "gone", "error_class": "ObjectGone"},
        {"step": "load", "run_id": "y", "listeners": 1, "rows_new": 5, "reason": "of another run"},
    ]
    finished = [now + timedelta(minutes=minute) for minute in range(len(rows))]
    seed(cloud, "runs", [usual | row | {"finished_at": at} for row, at in zip(rows, finished, strict=True)])
    runs = store.runs().value.sort_values("finished_at")
    assert [(row.reason, None if pd.isna(row.rows_new) else row.rows_new) for row in runs.itertuples()] == [
        *(("polled", None), ("second", 70), ("second", 70), ("re-sent", 70), ("gone", None), ("of another run", 5)),
    ]


def test_top_tracks_and_gaps_are_a_listeners_own_in_order(cloud: LaptopCloud, store: Store):
    instant = at("2026-11-22 10:00")
    usual = {
        "period": "all_time", "rank": 1, "track_id": "t", "plays": 1, "minutes": 3.0, "first_played_at": instant,
        "last_played_at": instant, "as_of": instant, "computed_at": instant, "run_id": "x",
    }  # fmt: skip
    rows = [{**usual, "listener_id": slug, "position": n} for slug, n in (("ania", 2), ("ben", 1), ("ania", 1))]
    seed(cloud, "top_tracks", rows)
    seed(cloud, "gaps", [GAP, {**GAP, "listener_id": "ben"}])
    assert store.top_tracks("ania").value["position"].tolist() == [1, 2]
    assert len(store.gaps("ania").value) == 1
    assert store.listeners().value == ("ania", "ben")


@time_machine.travel("2026-11-24 12:00Z", tick=False)  # no midnight meanwhile
def test_the_sizes_of_all_tables_and_what_was_billed_today_are_known(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a"), row("2026-11-01 11:00", "b")])
    seed(cloud, "gaps", [GAP])
    assert store.billed_bytes_today == 0
    found = store.sizes().value
    assert dict(zip(found["table"], found["rows"], strict=True)) == {
        "plays": 2, "tracks": 0, "catalogue": 0, "top_tracks": 0, "gaps": 1, "runs": 0,
    }  # fmt: skip
    assert (found["bytes"] > 0).tolist() == [True, False, False, False, True, False]

    store.history("ania")

    # Three queries of at least ten megabytes each.
    assert store.billed_bytes_today == 3 * 10 * 2**20


def test_what_was_billed_yesterday_is_not_billed_today():
    with time_machine.travel("2026-11-24 23:59Z", tick=False) as clock:
        bill = warehouse_store.Bill()
        assert (bill.add(10), bill.add(20)) == (10, 30)
        clock.shift(60)
        assert (bill.add(0), bill.add(5)) == (0, 5)


def test_everything_has_every_column_of_the_table(cloud: LaptopCloud, store: Store):
    seed(
        cloud,
        "plays",
        [row("2026-11-02 10:00", "b"), row("2026-11-01 10:00", "a"), row("2026-11-01 10:00", "c", "ben")],
    )
    table = store.everything("ania")
    assert table.schema.names == rows_of("plays", []).schema.names
    assert table.column("track_id").to_pylist() == ["a", "b"]


def test_a_copy_is_as_old_as_the_last_time_it_was_known_to_be_the_newest(store: Store):
    before = datetime.now(UTC)
    assert before <= store.gaps("ania").known_at <= datetime.now(UTC)


def test_queries_take_values_only_as_parameters():
    paths = sorted((Path(warehouse_store.__file__).parent / "queries").glob("*.sql"))
    assert paths
    for path in paths:
        text = path.read_text()
        assert text.startswith("-- A row is "), path.name
        assert "{" not in text, path.name


def test_a_password_for_every_host_is_not_sent_in_place_of_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login ania password of-ania\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    key, port = tmp_path / "key.json", free_port()
    write_service_account(key, f"http://127.0.0.1:{port}/token")
    with LaptopCloud(tmp_path / "cloud", port=port, key_path=key) as owners:
        for name, value in owners.environment.items():
            monkeypatch.setenv(name, value)
        assert open_store(owners).runs().error is None
