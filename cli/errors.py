"""What ends a command early. The text is a sentence and the next step; it is all that is shown.

CliError
├── Misused     the command line is wrong: exit code 2
└── everything else: exit code 1
"""


class CliError(Exception):
    """Says what happened and what to do now, without any secret."""

    exit_code = 1


class Misused(CliError):  # noqa: N818 -- reads as what happened
    """What was typed cannot be meant."""

    exit_code = 2
