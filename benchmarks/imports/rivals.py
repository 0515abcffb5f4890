"""Other readers of a package: `python -m benchmarks.imports.rivals NAME PACKAGE` prints how many plays it has."""

import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path


def read_with_json(path: Path) -> int:
    rows = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            rows += json.loads(archive.read(name))
    return len({(row["ts"], row["spotify_track_uri"]) for row in rows})


def read_with_duckdb(path: Path) -> int:
    import duckdb

    columns = {
        **dict.fromkeys(["ts", "spotify_track_uri", "master_metadata_track_name"], "VARCHAR"),
        **dict.fromkeys(["master_metadata_album_artist_name", "master_metadata_album_album_name"], "VARCHAR"),
        **dict.fromkeys(["ms_played", "offline_timestamp"], "BIGINT"),
    }
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive, duckdb.connect() as database:
        archive.extractall(folder)
        database.execute(
            "CREATE TABLE plays AS SELECT * FROM read_json(?, format = 'array', columns = ?)",
            [f"{folder}/MyData/*.json", columns],
        )
        return len(database.execute("SELECT DISTINCT ts, spotify_track_uri FROM plays").fetchall())


RIVALS: Mapping[str, Callable[[Path], int]] = {"json": read_with_json, "duckdb": read_with_duckdb}


if __name__ == "__main__":
    print(RIVALS[sys.argv[1]](Path(sys.argv[2])))
