"""Where everything invented gets its chance from: the same words always give the same dice."""

from random import Random


def dice(*words: object) -> Random:
    """A generator of its own for each list of words, so that nothing depends on what was asked for before."""
    return Random("/".join(map(str, words)))  # noqa: S311 -- invents music, guards nothing
