"""`make bench-run`, scaled down: each function is counted, and the bounds of the MERGE are found."""

from benchmarks.run import __main__


def test_a_run_is_counted_in_ingest_load_and_transform_trigger():
    first, second = (dict(zip(__main__.HEADS, cells, strict=True)) for cells in __main__.runs(1, 0.0))
    assert [row["run"] for row in (first, second)] == ["all new", "seconds later"]
    assert [row["Spotify's calls"] for row in (first, second)] == ["2", "2"], "a token and a page"
    assert float(first["file: MB"]) > 0
    assert int(first["calls"]) > int(second["calls"]) > 0
    assert int(first["calls "]) > 0
    assert float(first["trigger: s"]) >= 0


def test_the_merge_of_a_file_reads_some_of_ten_years(monkeypatch):
    monkeypatch.setattr(__main__, "_PLAYS_PER_YEAR", 100)
    stored, read = (int(cell.replace(",", "")) for cell in __main__.merged(10)[:2])
    assert stored == 5 * 10 * 100, "of five listeners"
    assert 0 < read < stored / 10, "the file has plays of minutes"
