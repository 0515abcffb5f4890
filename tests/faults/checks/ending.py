"""What is left at the end: nothing undelivered, the newest tokens, no secret anywhere."""

import re
from collections.abc import Iterator

from tests.faults.evidence import Evidence


def in_the_end_every_listener_is_polled(evidence: Evidence) -> Iterator[str]:
    """In the last slot every trouble is over, every consent is given, and everybody has played something."""
    last = evidence.attempts[-1]
    for name in evidence.lives:
        part = last.answer.get("listeners", {}).get(name, {})
        if (last.status, part.get("state"), part.get("error_class")) != (200, "collected", None):
            yield f"the last run answered {last.status} and calls {name} {part.get('state')}: {part.get('reason')}"


def nothing_is_left_undelivered(evidence: Evidence) -> Iterator[str]:
    for name, counts in evidence.undelivered.items():
        if any(counts.values()):
            yield f"{name}: {counts}"


def the_newest_refresh_token_is_kept(evidence: Evidence) -> Iterator[str]:
    for name, (kept, newest) in evidence.tokens.items():
        if kept != newest:
            yield f"the token in {name}'s secret is not the newest that Spotify gave"


def every_command_of_the_owners_ends_in_a_sentence(evidence: Evidence) -> Iterator[str]:
    yield from evidence.broken_commands


def no_secret_is_seen_anywhere(evidence: Evidence) -> Iterator[str]:
    places = {
        "a log, an answer, a quarantined object or a batch": evidence.other_texts,
        "the landing bucket": evidence.landed.values(),
        "a table": [
            str(row)
            for row in (
                *evidence.plays,
                *evidence.gaps,
                *evidence.ledger,
                *(evidence.top_tracks or ()),
                *(evidence.tracks or ()),
            )
        ],
    }
    for place, texts in places.items():
        everything = "\n".join(texts)
        if any(secret in everything for secret in evidence.secrets):
            yield f"a token or the client's secret stands in {place}"


def nothing_was_asked_that_the_laptop_cloud_does_not_know(evidence: Evidence) -> Iterator[str]:
    for text in evidence.other_texts:
        found = re.search(r"The laptop cloud (failed|does not imitate).{0,200}", text)
        if found:
            yield found[0]
