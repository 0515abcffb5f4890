"""The package that the import is measured with is one that all of the measured read alike."""

from datetime import UTC, datetime

from benchmarks.imports.__main__ import write_history
from benchmarks.imports.rivals import RIVALS
from cli.commands.import_history.reading import every_row, spotify_files


def test_the_import_and_its_rivals_find_the_same_plays_in_the_package(tmp_path):
    package = tmp_path / "history.zip"
    write_history(package, 20_000)
    reading = every_row.read(spotify_files.read_files([package]), datetime(2026, 11, 30, tzinfo=UTC))
    assert (reading.rows, len(reading.files), reading.left_out.total()) == (20_000, 2, 0)
    assert {name: read(package) for name, read in RIVALS.items()} == dict.fromkeys(RIVALS, len(reading.plays))
