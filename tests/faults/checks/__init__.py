"""What must be true after every storm. Each check yields a sentence for each thing that is not.

They work from the invented Spotify's own memory and from the landed files, never from what the functions say of
themselves; where the functions say something (the ledger), it is held against that.
Every public function of these modules is a check: a helper's name begins with `_`.
"""

from collections.abc import Callable, Iterator
from inspect import isfunction

from tests.faults.checks import batches, ending, gaps, ledger, plays
from tests.faults.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]

CHECKS: tuple[Check, ...] = tuple(
    check
    for module in (plays, gaps, ledger, batches, ending)
    for name, check in vars(module).items()
    if isfunction(check) and check.__module__ == module.__name__ and not name.startswith("_")
)


def problems(evidence: Evidence) -> list[str]:
    """All that is wrong, in the order of CHECKS; nothing when the promise was kept."""
    return [f"{check.__name__}: {sentence}" for check in CHECKS for sentence in check(evidence)]
