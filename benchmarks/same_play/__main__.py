"""How well load finds the play that the API and an export both report: `python -m benchmarks.same_play`.

Question: how many of the plays that both report become one row, and how many get another's time? There is no rival.
An invented listener's months, with every quirk at its real share (see quirks.py), are landed twice, pages first and
export first, through the real import and the real function load; and twice more with an export without
`offline_timestamp`. Precision: how many of the plays of the API that were given a duration have their own. Recall:
how many of the plays that both report are one row with their own time. Exit codes: 0 all holds, 1 not, 2 wrong usage.
"""

import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import introduce, options_of
from benchmarks.loading import World, world
from benchmarks.same_play.quirks import NOT_LISTED, SHARES, USUAL, Row, TruePlay, api_rows, export_rows, live, other_id
from cli.commands.import_history import landing
from cli.commands.import_history.reading import play_times
from cli.commands.import_history.reading.plays import Rows
from cli.commands.import_history.reading.spotify_rows import ExportedPlay, parse_row
from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life
from localcloud.listeners.music import invent_catalogue

# Without beginnings nothing says when an interrupted play ended: it stays two rows, or has the time of another one.
# Where such an export is first, half of the paused plays stay two rows.
TELLINGS = (
    # title, api_first, with_beginnings, least precision, least recall
    ("pages first", True, True, 0.999, 0.98),
    ("export first", False, True, 0.999, 0.98),
    ("pages first, an export without offline_timestamp", True, False, 0.998, 0.93),
    ("export first, without offline_timestamp", False, False, 0.998, 0.89),
)
_UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
_LISTENER = "listener-one"


@dataclass(frozen=True)
class Outcome:
    """By kind of play: how many both report, were found, and got another play's time. `rows`: all that is stored."""

    both: Counter[str]
    found: Counter[str]
    wrong: Counter[str]
    plays: int
    rows: int

    @property
    def precision(self) -> float:
        return self.found.total() / max(1, self.found.total() + self.wrong.total())

    @property
    def recall(self) -> float:
        return self.found.total() / max(1, self.both.total())


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("same_play", __doc__)
    parser.add_argument("--days", type=int, default=365, help="how long the listener is listened to (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another listener (%(default)s)")
    options = parser.parse_args(arguments)
    introduce(__doc__)
    holds = True
    for title, api_first, with_beginnings, least_precision, least_recall in TELLINGS:
        outcome = measure(options.days, options.seed, api_first=api_first, with_beginnings=with_beginnings)
        _print(title, outcome)
        holds &= outcome.precision >= least_precision and outcome.recall >= least_recall
    return 0 if holds else 1


def measure(days: int, seed: int, *, api_first: bool, with_beginnings: bool) -> Outcome:
    """One telling of so many days, in a laptop cloud of its own."""
    rng = random.Random(seed)  # noqa: S311 -- not a secret
    life = Life(invented_listeners(1)[0], invent_catalogue(seed), seed)
    true_plays = live(life, _UNTIL - timedelta(days=days), _UNTIL, rng, with_beginnings=with_beginnings)
    page = landing.to_file(api_rows(true_plays, _LISTENER))
    run = landing.LandedRun(_UNTIL, _UNTIL, _LISTENER, f"{_UNTIL:%Y%m%dT%H%M%SZ}")
    files = landing.cut(play_times.dated(Rows(_plays(export_rows(true_plays, rng)))))
    exports = [landing.to_csv(plays, run) for plays in files]
    with tempfile.TemporaryDirectory() as directory, world(Path(directory)) as there:
        _learn_isrcs(there, true_plays)
        columns = "import_id, listener_id, started_at, files, rows_in"
        values = f"'{run.run_id}', '{_LISTENER}', TIMESTAMP '{_UNTIL.isoformat()}', '[]', {len(true_plays)}"
        there.read(f"INSERT INTO `{{dataset}}.imports` ({columns}) VALUES ({values})")  # noqa: S608 -- invented
        slot = _UNTIL
        for content in [page, *exports] if api_first else [*exports, page]:
            slot += timedelta(seconds=61)
            there.land(content, slot)
        stored = there.read(
            "SELECT played_at, track_id, source, ms_played, COALESCE(reported_at, played_at) AS over_at "
            "FROM `{dataset}.plays`"
        )
    return judge(true_plays, stored)


def judge(true_plays: Sequence[TruePlay], stored: Sequence[Row]) -> Outcome:
    """Each row of the API against the play that it is."""
    of_api = {(row["played_at"], row["track_id"]): row for row in stored if row["source"] == "api"}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for play in true_plays:
        if play.listed_at is None:
            continue
        row = of_api[play.listed_at, play.track.id]
        is_own = (row["ms_played"], row["over_at"]) == (play.ms_played, play.reported_at)
        counts["both"][play.kind] += 1
        counts["found"][play.kind] += is_own
        counts["wrong"][play.kind] += row["ms_played"] is not None and not is_own
    return Outcome(counts["both"], counts["found"], counts["wrong"], len(true_plays), len(stored))


def _plays(rows: Sequence[Row]) -> Iterator[ExportedPlay]:
    for row in rows:
        outcome = parse_row(row, _UNTIL + timedelta(days=1))
        if not isinstance(outcome, ExportedPlay):
            raise TypeError(f"An invented row is not a play: {outcome}")
        yield outcome


def _learn_isrcs(there: World, true_plays: Sequence[TruePlay]) -> None:
    """What Spark knows of the ids that the API once had and the export still has."""
    known = {other_id(play.track.id): play.track.isrc for play in true_plays if play.kind == "the ISRC alone"}
    values = ", ".join(
        f"('{_LISTENER}', '{track}', '{isrc}', 'api', TIMESTAMP '2026-01-01', 'r')"
        for track, isrc in known.items()
        if isrc
    )
    columns = "listener_id, track_id, isrc, source, last_played_at, run_id"
    if values:
        there.read(f"INSERT INTO `{{dataset}}.tracks` ({columns}) VALUES {values}")  # noqa: S608 -- invented


def _print(title: str, outcome: Outcome) -> None:
    print(f"{title}: {outcome.plays:,} plays are {outcome.rows:,} rows")
    print(f"  {'what is odd about it':24} {'by both':>8} {'one row':>8} {'two rows':>8} {'exchanged':>9}")
    for kind in (USUAL, *(kind for kind in SHARES if kind not in NOT_LISTED)):
        both, found, wrong = outcome.both[kind], outcome.found[kind], outcome.wrong[kind]
        print(f"  {kind:24} {both:8,} {found:8,} {both - found - wrong:8,} {wrong:9,}")
    print(f"  precision {100 * outcome.precision:.2f} %, recall {100 * outcome.recall:.2f} %\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
