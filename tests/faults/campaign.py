"""Lets storms pass and says what they did: which promise broke, and the smallest storm that still breaks it."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from queue import Empty
from typing import TypeAlias

from localcloud.processes import end_with_parent
from tests.faults.checks import problems
from tests.faults.evidence import Evidence, key_of
from tests.faults.storms import Storm, draw
from tests.faults.world import World, open_world

STORMS_AT_ONCE = 5


@dataclass
class Tally:
    """What storms did, in figures. Adding two gives the tally of both."""

    storms: int = 0
    plays: int = 0
    stored: int = 0
    doubled: int = 0
    repaired: int = 0
    """Stored twice because two loads ran at once, noticed, and one row again after `python -m cli repair`."""
    lost: int = 0
    """On a page that a finished run was shown, and not stored."""
    missed: int = 0
    """Never on such a page, and not stored: Spotify never showed them, or no run was there in time."""
    calls: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Failure:
    """A storm that broke a promise: what is wrong after the smallest part of it that still does."""

    seed: int
    parts: tuple[int, ...]
    storm: Storm
    problems: tuple[str, ...]
    with_spark: bool = False

    @property
    def replay(self) -> str:
        """The command that lets it pass again."""
        parts = f":{','.join(map(str, self.parts))}" if self.parts else ""
        return f"make faults REPLAY={self.seed}{parts}{' SPARK=1' if self.with_spark else ''}"


Results: TypeAlias = "Queue[tuple[Tally, list[Failure]]]"


def run_storms(seeds: Iterable[int], world: World, with_spark: Container[int] = ()) -> tuple[Tally, list[Failure]]:
    """`with_spark`: the seeds whose last batches are real ones."""
    tally, failures = Tally(), []
    for seed in seeds:
        evidence = world.run(draw(seed), with_spark=seed in with_spark)
        tally += tally_of(evidence)
        if found := problems(evidence):
            failure = shrink(seed, world, with_spark=seed in with_spark)
            # What does not come again on repeating is worth as much: the first run's words are kept.
            failures.append(failure if failure.problems else replace(failure, problems=tuple(found)))
    return tally, failures


def run_campaign(first: int, count: int, spark: int, processes: int) -> Iterator[tuple[Tally, list[Failure]]]:
    """`count` storms from the seed `first` on, the first `spark` of them with Spark, in processes of their own.

    Yields what every few of them did.
    """
    context = get_context("spawn")
    results: Results = context.Queue()
    shards = [list(range(first, first + count))[place::processes] for place in range(processes)]
    with_spark = range(first, first + spark)
    workers = [context.Process(target=_work, args=(shard, with_spark, results), daemon=True) for shard in shards]
    for worker in workers:
        worker.start()
    while count > 0:
        tally, failed = _next_result(results, workers)
        count -= tally.storms
        yield tally, failed


def _work(seeds: list[int], with_spark: range, results: Results) -> None:
    """One process: one world serves all its storms."""
    end_with_parent()
    with open_world() as world:
        for start in range(0, len(seeds), STORMS_AT_ONCE):
            results.put(run_storms(seeds[start : start + STORMS_AT_ONCE], world, with_spark))


def _next_result(results: Results, workers: Iterable[BaseProcess]) -> tuple[Tally, list[Failure]]:
    while True:
        try:
            return results.get(timeout=5)
        except Empty:
            if any(worker.exitcode for worker in workers):
                raise RuntimeError("A process of the campaign broke off; its error stands above") from None


def shrink(seed: int, world: World, *, with_spark: bool = False) -> Failure:
    """Take away part after part of the storm as long as the same promise stays broken."""
    whole = draw(seed)
    parts = list(range(whole.parts))
    found = problems(world.run(whole, with_spark=with_spark))
    broken = _names(found)
    for part in reversed(range(whole.parts)):
        fewer = [other for other in parts if other != part]
        still = problems(world.run(whole.keep(fewer), with_spark=with_spark))
        if _names(still) & broken:
            parts, found = fewer, still
    return Failure(seed, tuple(parts), whole.keep(parts), tuple(found), with_spark)


def tally_of(evidence: Evidence) -> Tally:
    truth, stored = evidence.truth, [evidence.true_key(row) for row in evidence.plays]
    promised = evidence.promised
    return Tally(
        storms=1,
        plays=len(truth),
        stored=len(set(stored)),
        doubled=len(stored) - len(set(stored)),
        repaired=len(evidence.doubled - {key for key, count in Counter(stored).items() if count > 1}),
        lost=len(promised - set(stored)),
        missed=len({key_of(play) for play in truth.values()} - set(stored) - promised),
        calls=len(evidence.attempts),
        struck=evidence.struck,
    )


def _names(found: Iterable[str]) -> set[str]:
    return {problem.partition(":")[0] for problem in found}
