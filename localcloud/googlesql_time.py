"""GoogleSQL's functions of dates and instants in DuckDB's words; part of the allow-list in googlesql_functions."""

from sqlglot import exp

from localcloud.googlesql_template import Rewrite, fill, no_signature, refuse

_MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_CALENDAR_PARTS = ("WEEK", "MONTH", "QUARTER", "YEAR")

# A part of an instant, cut off below. DuckDB's weeks start on Monday.
_TRUNCATED = {
    **{part: f"date_trunc('{part.lower()}', $1)" for part in ("SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "QUARTER", "YEAR")},
    "WEEK": "date_trunc('week', $1 + INTERVAL 1 DAY) - INTERVAL 1 DAY",
    "WEEK(MONDAY)": "date_trunc('week', $1)",
    "ISOWEEK": "date_trunc('week', $1)",
}
_EXTRACTED = {
    **{part: f"date_part('{part.lower()}', $1)" for part in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")},
    "MILLISECOND": "date_part('millisecond', $1) % 1000",
    "DAYOFWEEK": "date_part('dow', $1) + 1",
    "DAYOFYEAR": "date_part('doy', $1)",
    "ISOWEEK": "date_part('week', $1)",
    "ISOYEAR": "date_part('isoyear', $1)",
    "DATE": "CAST($1 AS DATE)",
}
# https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements, as far as strftime means the same.
_FORMAT_ELEMENTS = {
    **{element: f"%{element}" for element in "YmdHMSjAaBbyIpGVu"},
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "E3S": "%S.%g",
    "E6S": "%S.%f",
}


def _part(node: exp.Expression) -> str:
    """A date part as it was written: DAY, WEEK(MONDAY)."""
    return f"WEEK({node.name})".upper() if isinstance(node, exp.WeekStart) else node.name.upper()


def _template(templates: dict[str, str], part: exp.Expression) -> str:
    name = _part(part)
    if name not in templates:
        raise refuse(f"The date part {name} here")
    return templates[name]


def extract(node: exp.Extract) -> exp.Expression:
    """EXTRACT(part FROM instant [AT TIME ZONE zone])."""
    source = node.expression
    if isinstance(source, exp.AtTimeZone):
        source = fill("timezone($1, $2)", source.args["zone"], source.this)
    return fill(_template(_EXTRACTED, node.this), source)


def truncate_timestamp(call: exp.Anonymous) -> exp.Expression:
    instant, part, *zone = call.expressions
    template = _template(_TRUNCATED, part)
    if not zone:
        return fill(template, instant)
    local = fill("timezone($1, $2)", zone[0], instant)
    truncated = fill(template, local)
    if _part(part) in _MICROSECONDS and _part(part) != "DAY":
        # Going back from local time would be ambiguous in the hour that a change of clocks repeats.
        return fill("$1 - ($2 - $3)", instant, local, truncated)
    return fill("timezone($1, $2)", zone[0], truncated)


def truncate_date(call: exp.Anonymous) -> exp.Expression:
    date, part = _arguments(call, 2)
    return fill("CAST($1 AS DATE)", fill(_template(_TRUNCATED, part), fill("CAST($1 AS DATE)", date)))


def move(sign: str, form: str) -> Rewrite:
    """…_ADD and …_SUB: an instant or date and an INTERVAL."""

    def rewrite(call: exp.Anonymous) -> exp.Expression:
        start, interval = _arguments(call, 2)
        if not isinstance(interval, exp.Interval):
            raise no_signature(call)
        return fill(form.replace("±", sign), start, _interval(interval, "CAST" in form))

    return rewrite


def _interval(interval: exp.Interval, calendar: bool) -> exp.Expression:
    part = interval.text("unit").upper()
    if part not in (*_CALENDAR_PARTS, "DAY") if calendar else part not in _MICROSECONDS:
        raise refuse(f"INTERVAL … {part} here")
    count = interval.this
    if isinstance(count, exp.Literal):
        count = exp.Literal.number(count.name)
    return fill(f"CAST($1 AS BIGINT) * INTERVAL 1 {part}", count)


def timestamp_difference(call: exp.Anonymous) -> exp.Expression:
    """Whole units between two instants, cut off towards zero."""
    later, earlier, part = _arguments(call, 3)
    if _part(part) not in _MICROSECONDS:
        raise refuse(f"TIMESTAMP_DIFF in {_part(part)}")
    return fill(f"(epoch_us($1) - epoch_us($2)) // {_MICROSECONDS[_part(part)]}", later, earlier)


def date_difference(call: exp.Anonymous) -> exp.Expression:
    """How many borders of the part lie between two dates."""
    later, earlier, part = _arguments(call, 3)
    name = _part(part)
    if name in ("DAY", "MONTH", "QUARTER", "YEAR"):
        return fill(f"date_diff('{name.lower()}', $2, $1)", later, earlier)
    weeks = _template(_TRUNCATED, part)
    return fill("date_diff('day', $2, $1) // 7", fill(weeks, later), fill(weeks, earlier))


def format_timestamp(call: exp.Anonymous) -> exp.Expression:
    if len(call.expressions) not in (2, 3):
        raise no_signature(call)
    pattern, instant, *zone = call.expressions
    return fill("strftime(timezone($1, $2), $3)", zone[0] if zone else exp.Literal.string("UTC"), instant, _strftime(pattern))


def format_date(call: exp.Anonymous) -> exp.Expression:
    pattern, date = _arguments(call, 2)
    return fill("strftime($1, $2)", date, _strftime(pattern))


def _strftime(pattern: exp.Expression) -> exp.Expression:
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise refuse("A format that is not a literal")
    first, *pieces = pattern.name.split("%")
    return exp.Literal.string(first + "".join(_format_piece(piece) for piece in pieces))


def _format_piece(piece: str) -> str:
    element = piece[:3] if piece.startswith("E") else piece[:1]
    if element not in _FORMAT_ELEMENTS:
        raise refuse(f"The format element %{element}")
    return _FORMAT_ELEMENTS[element] + piece[len(element) :]


def _arguments(call: exp.Anonymous, count: int) -> list[exp.Expression]:
    if len(call.expressions) != count:
        raise no_signature(call)
    return list(call.expressions)
