"""Writes the plays of a listener into one file: to keep them, or to take them elsewhere.

csv, parquet and json have every play with every column of `plays` (docs/tables.md) but the two that name an import.
listenbrainz is a zip as ListenBrainz and Koito import it, with a listen for each play that counts and was not private;
spotify has the form of Spotify's own export, with the plays whose time played is known. Instants are in UTC.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from math import isfinite
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from cli import consent
from cli.commands.import_history.reading.own_export import BEFORE_FORMULA, FORMULA
from cli.commands.import_history.reading.spotify_rows import COUNTS_FROM_MS, EXPORTED_BY, Manner
from cli.console import CliError, counted, in_json, print_json, say, show
from cli.place import Place
from cli.warehouse import Row, Warehouse, string

HELP = "Write the plays of a listener into a file: CSV, Parquet, JSON, ListenBrainz's listens or Spotify's form"

_NAMES = {"listenbrainz": "listenbrainz_{}.zip", "spotify": "Streaming_History_Audio_{}.json"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="whose plays")
    parser.add_argument("--format", choices=_WRITERS, default="csv", help="of the file (%(default)s)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to (here: LISTENER-plays.FORMAT or the like)"
    )
    parser.add_argument("--replace", action="store_true", help="the file may be there already")


def run(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    name = _NAMES.get(options.format, f"{{}}-plays.{options.format}").format(options.listener)
    path = options.output or Path(name)
    if (path.exists() and not path.is_file()) or path.absolute().parent == Path("/dev"):
        raise CliError(f"{path} is not a file. Nothing was written. Name a file with --output.")
    if os.path.lexists(path) and not options.replace:
        raise CliError(f"{path} is there already. Name another file with --output, or add --replace.")
    say(f"Reading the plays of {options.listener} …")
    listener = string("listener_id", options.listener)
    table = Warehouse(place).run("everything", listener).to_arrow(create_bqstorage_client=False)
    if not table.num_rows:
        raise CliError(
            f"No play of {options.listener} is stored. Nothing was written. To see the names, run "
            f"{place.command('listeners')}."
        )
    written = _write(table, path, _WRITERS[options.format])
    if options.json:
        print_json({"listener": options.listener, "file": str(path), "plays": written})
        return 0
    show(f"Wrote {counted(written, 'play')} to {path}.")
    if written < table.num_rows:
        left_out = counted(table.num_rows - written, "play")
        show(f"Left out: {left_out}, which this format cannot hold: docs/commands.md says why.")
    return 0


def _write(table: pa.Table, path: Path, write: Callable[[pa.Table, IO[bytes]], int]) -> int:
    """Whole or not at all: a new file that only the owner can read, which takes the name when it is complete.

    A link that has the name is replaced itself; what it leads to stays.
    """
    unfinished = None
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".unfinished", delete=False) as file:
            unfinished = Path(file.name)
            written = write(table, file)
        unfinished.replace(path)
        return written
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}. Name another file with --output.") from None
    finally:
        if unfinished:
            unfinished.unlink(missing_ok=True)


def _write_csv(table: pa.Table, file: IO[bytes]) -> int:
    """What a spreadsheet would take for a formula gets an apostrophe, as in the dashboard's downloads.

    One more than there was before it, so that taking one away, as `import` does, always gives the text back.
    """
    guarded = [
        pyarrow.compute.replace_substring_regex(column, pattern=BEFORE_FORMULA + FORMULA, replacement=r"\1'\2")
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    pyarrow.csv.write_csv(pa.table(guarded, names=table.column_names), file)
    return int(table.num_rows)


def _write_parquet(table: pa.Table, file: IO[bytes]) -> int:
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return int(table.num_rows)


def _write_rows(
    table: pa.Table,
    file: IO[bytes],
    to_row: Callable[[Row], Row | None],
    begin: bytes = b"[\n",
    between: bytes = b",\n",
    end: bytes = b"\n]\n",
) -> int:
    """A line of JSON for each play that `to_row` has a form for: by default the lines of an array."""
    file.write(begin)
    count = 0
    for batch in table.to_batches(max_chunksize=1000):
        for row in filter(None, map(to_row, batch.to_pylist())):
            line = json.dumps(row, ensure_ascii=False, default=in_json).encode()
            file.write(between + line if count else line)
            count += 1
    file.write(end)
    return count


def _json_row(row: Row) -> Row:
    """JSON has no word for a number that is none."""
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}


def _listen(row: Row) -> Row | None:
    """As https://listenbrainz.readthedocs.io/en/latest/users/json.html says.

    None for a play that does not count, or that has no artist or title, which a listen needs. None for a play of a
    private session: the site is public, and its importer of Spotify's export leaves it out as well. `listened_at` is
    when a play began: where the time played is not known, the track is taken as played to its end.
    """
    counts = row["ms_played"] >= COUNTS_FROM_MS if row["ms_played"] is not None else row["source"] == "api"
    if row["incognito_mode"] or not (counts and row["artist_name"] and row["track_name"]):
        return None
    url = f"https://open.spotify.com/track/{row['track_id']}"
    known = {"isrc": row["isrc"], "duration_ms": row["duration_ms"]}
    began_at = row["played_at"] - timedelta(milliseconds=row["ms_played"] or row["duration_ms"] or 0)
    return {
        "listened_at": int(began_at.timestamp()),
        "track_metadata": {
            "artist_name": row["artist_name"],
            "track_name": row["track_name"],
            **({"release_name": row["album_name"]} if row["album_name"] else {}),
            "additional_info": {
                **{"music_service": "spotify.com", "origin_url": url, "spotify_id": url},
                **{name: value for name, value in known.items() if value is not None},
            },
        },
    }


def _write_listens(table: pa.Table, file: IO[bytes]) -> int:
    """The zip of ListenBrainz's own export. Koito reads only what is under `listens/` in it."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive, archive.open("listens/plays.jsonl", "w") as listens:
        return _write_rows(table, listens, _listen, begin=b"", between=b"\n", end=b"\n")


def _spotify_row(row: Row) -> Row | None:
    """`offline_timestamp`, when the play began, where its end is not `ts`: then import finds the same end again."""
    if row["ms_played"] is None:
        return None
    began_at = row["played_at"] - timedelta(milliseconds=row["ms_played"])
    return {
        "ts": f"{row['reported_at'] or row['played_at']:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": row["ms_played"],
        "spotify_track_uri": f"spotify:track:{row['track_id']}",
        "master_metadata_track_name": row["track_name"],
        "master_metadata_album_artist_name": row["artist_name"],
        "master_metadata_album_album_name": row["album_name"],
        **{name: row[name] for name in Manner._fields},
        "offline_timestamp": int(began_at.timestamp()) if row["reported_at"] else None,
        EXPORTED_BY: row["listener_id"],
    }


_WRITERS: Mapping[str, Callable[[pa.Table, IO[bytes]], int]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "json": partial(_write_rows, to_row=_json_row),
    "listenbrainz": _write_listens,
    "spotify": partial(_write_rows, to_row=_spotify_row),
}
