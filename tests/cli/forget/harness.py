"""What is stored before `forget`, what is stored after it, and the clock by which it waits."""

from cli.commands.forget import rows as forget_rows
from tests.cli.harness import ONE, TWO

LANDED, ALONE, REFUSED = (f"plays/2026/11/22/20261122T{hour}0000Z.csv" for hour in (10, 11, 12))
ITEM = f"items/{ONE}/0123456789abcdef.json"
OTHERS_ITEM = f"items/{TWO}/0123456789abcdef.json"


class Waiting:
    """Time, as the command waits. `at`: what happens when so many seconds have passed."""

    def __init__(self):
        self.seconds, self.at = 0.0, {}

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        for second in [second for second in self.at if second <= self.seconds]:
            self.at.pop(second)()


def write_batch_of(importing, slug):
    """What a Spark batch leaves of a listener."""
    importing.rows(
        "INSERT INTO listening.tracks (listener_id, track_id, track_name, source, last_played_at, run_id) VALUES "
        f"('{slug}', 't', 'One', 'api', TIMESTAMP '2026-11-01', 'r')"
    )
    importing.rows(
        "INSERT INTO listening.top_tracks (listener_id, period, rank, position, track_id, plays, minutes,"
        " first_played_at, last_played_at, as_of, computed_at, run_id) VALUES "
        f"('{slug}', 'all_time', 1, 1, 't', 2, 3.5, TIMESTAMP '2026-11-01', TIMESTAMP '2026-11-01',"
        " TIMESTAMP '2026-11-02', TIMESTAMP '2026-11-02', 'r')"
    )


def after_each_pass(monkeypatch, act):
    """`act` is given the number of the pass, from 1."""
    forget, passes = forget_rows.forget, []

    def forget_and_act(warehouse, listener):
        done = forget(warehouse, listener)
        passes.append(done)
        act(len(passes))
        return done

    monkeypatch.setattr(forget_rows, "forget", forget_and_act)
    return passes


def everything(importing):
    """All that is stored anywhere, as text."""
    texts = []
    for name in ("plays", "gaps", "closed_gaps", "imports", "tracks", "top_tracks", "runs"):
        texts += [f"{name}: {row}" for row in importing.rows(f"SELECT * FROM listening.{name}")]
    for bucket in (importing.landing, importing.quarantine):
        storage = importing.cloud.storage
        texts += [f"{name}: {storage.read(bucket, name).decode()}" for name in storage.names(bucket)]
    return texts
