"""GoogleSQL's functions of dates and instants in DuckDB's words; part of the allow-list in functions.py."""

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.templates import Rewrite, arguments, fill, invalid_query, refuse

_MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_DATE_PARTS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_CLOCK_PARTS = ("SECOND", "MINUTE", "HOUR")
_UTC = exp.Literal.string("UTC")

# What is left of a date or an instant when all below a part is cut off. DuckDB's weeks start on Monday.
_TRUNCATED = {
    **{part: f"date_trunc('{part}', $1)" for part in ("SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "QUARTER", "YEAR")},
    "WEEK": "date_trunc('week', $1 + INTERVAL 1 DAY) - INTERVAL 1 DAY",
    "WEEK(MONDAY)": "date_trunc('week', $1)",
    "ISOWEEK": "date_trunc('week', $1)",
}
_EXTRACTED = {
    **{part: f"date_part('{part}', $1)" for part in ("SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "QUARTER", "YEAR")},
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


def _part(node: exp.Expr) -> str:
    """A date part as it was written: DAY, WEEK(MONDAY)."""
    return f"WEEK({node.name})".upper() if isinstance(node, exp.WeekStart) else node.name.upper()


def _template(templates: dict[str, str], part: str) -> str:
    if part not in templates:
        raise refuse(f"The date part {part} here")
    return templates[part]


def extract(node: exp.Extract) -> exp.Expr:
    """EXTRACT(part FROM date or instant [AT TIME ZONE zone])."""
    source = node.expression
    if isinstance(source, exp.AtTimeZone):
        source = fill("timezone($1, $2)", source.args["zone"], source.this)
    return fill(_template(_EXTRACTED, _part(node.this)), source)


def truncate_timestamp(call: exp.Anonymous) -> exp.Expr:
    """TIMESTAMP_TRUNC(instant, part [, zone])."""
    instant, part_node, *zone = arguments(call, 2, 3)
    part = _part(part_node)
    template = _template(_TRUNCATED, part)
    if not zone:
        return fill(template, instant)
    local = fill("timezone($1, $2)", zone[0], instant)
    if part in _CLOCK_PARTS:
        # The way back from local time is ambiguous in the hour that a change of clocks repeats; the distance is not.
        return fill("$1 - ($2 - $3)", instant, local, fill(template, local))
    return fill("timezone($1, $2)", zone[0], fill(template, local))


def truncate_date(call: exp.Anonymous) -> exp.Expr:
    """DATE_TRUNC(date, part)."""
    date, part = arguments(call, 2)
    template = _template(_TRUNCATED, _part(part))
    return fill("CAST($1 AS DATE)", fill(template, _only_date(call, date)))


def _only_date(call: exp.Anonymous, value: exp.Expr) -> exp.Expr:
    """GoogleSQL accepts instants here too, and answers with instants; nobody needs that."""
    refusal = exp.Literal.string(f"{call.name.upper()} of anything but a DATE is not imitated by the laptop cloud")
    check = "CASE WHEN typeof($1) IN ('DATE', '\"NULL\"') THEN CAST($1 AS DATE) ELSE CAST(error($2) AS DATE) END"
    return fill(check, value, refusal)


def move_timestamp(sign: str) -> Rewrite:
    """TIMESTAMP_ADD and TIMESTAMP_SUB."""
    return lambda call: fill(f"$1 {sign} $2", call.expressions[0], _interval(call, tuple(_MICROSECONDS)))


def move_date(sign: str) -> Rewrite:
    """DATE_ADD and DATE_SUB. A day that the month does not have becomes its last one, in DuckDB too."""

    def rewrite(call: exp.Anonymous) -> exp.Expr:
        date = _only_date(call, call.expressions[0])
        return fill(f"CAST($1 {sign} $2 AS DATE)", date, _interval(call, _DATE_PARTS))

    return rewrite


def _interval(call: exp.Anonymous, parts: tuple[str, ...]) -> exp.Expr:
    """The second argument as an interval of days, months and microseconds: a day is 24 hours in UTC."""
    interval = arguments(call, 2)[1]
    if not isinstance(interval, exp.Interval):
        raise invalid_query(f"No matching signature for function {call.name.upper()}")
    part = interval.text("unit").upper()
    if part not in parts:
        raise refuse(f"INTERVAL … {part} in {call.name.upper()}")
    count = interval.this
    number = exp.Literal.number(count.name) if isinstance(count, exp.Literal) else count
    return fill(f"CAST($1 AS BIGINT) * INTERVAL 1 {part}", number)


def timestamp_difference(call: exp.Anonymous) -> exp.Expr:
    """TIMESTAMP_DIFF: whole units between two instants, cut off towards zero."""
    later, earlier, part = arguments(call, 3)
    if _part(part) not in _MICROSECONDS:
        raise refuse(f"TIMESTAMP_DIFF in {_part(part)}")
    return fill(f"(epoch_us($1) - epoch_us($2)) // {_MICROSECONDS[_part(part)]}", later, earlier)


def date_difference(call: exp.Anonymous) -> exp.Expr:
    """DATE_DIFF: how many borders of the part lie between two dates."""
    later, earlier, part_node = arguments(call, 3)
    later, earlier = _only_date(call, later), _only_date(call, earlier)
    part = _part(part_node)
    if part in ("DAY", "MONTH", "QUARTER", "YEAR"):
        return fill(f"date_diff('{part}', $2, $1)", later, earlier)
    week = _template(_TRUNCATED, part)
    return fill("date_diff('DAY', $2, $1) // 7", fill(week, later), fill(week, earlier))


def format_timestamp(call: exp.Anonymous) -> exp.Expr:
    """FORMAT_TIMESTAMP(format, instant [, zone])."""
    pattern, instant, *zone = arguments(call, 2, 3)
    return fill("strftime(timezone($1, $2), $3)", zone[0] if zone else _UTC, instant, _strftime(pattern))


def format_date(call: exp.Anonymous) -> exp.Expr:
    """FORMAT_DATE(format, date)."""
    pattern, date = arguments(call, 2)
    return fill("strftime($1, $2)", _only_date(call, date), _strftime(pattern))


def _strftime(pattern: exp.Expr) -> exp.Expr:
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise refuse("A format that is not a literal")
    first, *pieces = pattern.name.split("%")
    return exp.Literal.string(first + "".join(_format_piece(piece) for piece in pieces))


def _format_piece(piece: str) -> str:
    element = piece[:3] if piece.startswith("E") else piece[:1]
    if element not in _FORMAT_ELEMENTS:
        raise refuse(f"The format element %{element}")
    return _FORMAT_ELEMENTS[element] + piece[len(element) :]
