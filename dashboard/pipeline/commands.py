"""What a person types: the same command on the laptop has an option more. Decided here, for every page."""


def cli(what: str, *, is_laptop: bool) -> str:
    """`what` is the command with its words, such as `authorize ania`."""
    return f"python -m cli {what}{' --laptop' if is_laptop else ''}"
