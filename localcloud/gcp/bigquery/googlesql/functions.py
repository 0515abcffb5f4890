"""The functions of GoogleSQL that the laptop BigQuery knows, each in DuckDB's words: the allow-list.

SQLGlot's own translation is silently wrong for some functions, so it is not used: every call comes here as it was
written, and a function without a line here is refused by name. The golden test holds hand-written expectations for
every line and fails when list and expectations differ.
"""

from collections.abc import Mapping

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.templates import (
    Rewrite,
    arguments,
    as_template,
    fill,
    invalid_query,
    refuse,
    same_as,
)

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


Types = Mapping[str, str]
"""The DuckDB type of each query parameter, by its name in lower case."""

_CAST_TARGETS = {
    exp.DType.ARRAY,
    exp.DType.BIGINT,
    exp.DType.BOOLEAN,
    exp.DType.DATE,
    exp.DType.DOUBLE,
    exp.DType.STRUCT,
    exp.DType.TEXT,
    exp.DType.TIMESTAMPTZ,
}
_TO_TEXT = (
    "CASE WHEN typeof($1) IN ('VARCHAR', 'BIGINT', 'BOOLEAN', 'DATE', '\"NULL\"') THEN CAST($1 AS VARCHAR) "
    "ELSE error('CAST(' || typeof($1) || ' AS STRING) is not imitated by the laptop cloud') END"
)
# {cast} is CAST or TRY_CAST, {bad} what happens to a text that is none.
_TO_INTEGER = (
    "CASE WHEN typeof($1) = 'DOUBLE' THEN {cast}(round(TRY_CAST($1 AS DOUBLE)) AS BIGINT) "
    "WHEN typeof($1) = 'VARCHAR' AND NOT regexp_full_match(CAST($1 AS VARCHAR), '\\s*[+-]?[0-9]+\\s*') THEN {bad} "
    "ELSE {cast}($1 AS BIGINT) END"
)
_TO_BOOLEAN = (
    "CASE WHEN typeof($1) = 'VARCHAR' AND NOT regexp_full_match(CAST($1 AS VARCHAR), '(?i)true|false') THEN {bad} "
    "ELSE {cast}($1 AS BOOLEAN) END"
)
_PLACES_OF_BARE_NUMBERS = (exp.Group, exp.Interval, exp.Limit, exp.Offset, exp.Ordered, exp.WindowSpec)


def cast(node: exp.Cast) -> exp.Expr:
    """CAST and SAFE_CAST: DuckDB rounds halves to even, and it reads more texts and writes numbers otherwise."""
    target = node.to.this
    if target not in _CAST_TARGETS or node.args.get("format"):
        raise refuse(f"CAST … AS {node.to.sql('bigquery')} in this form")
    if isinstance(node.this, exp.Null):
        return node
    if target == exp.DType.TEXT:
        return fill(_TO_TEXT, node.this)
    template = {exp.DType.BIGINT: _TO_INTEGER, exp.DType.BOOLEAN: _TO_BOOLEAN}.get(target)
    if template is None:
        return node
    safe = isinstance(node, exp.TryCast)
    bad = "NULL" if safe else "error('Bad value: ' || CAST($1 AS VARCHAR))"
    return fill(template.format(cast="TRY_CAST" if safe else "CAST", bad=bad), node.this)


def divide(division: exp.Div) -> exp.Expr:
    """The operator /, where DuckDB has infinity and GoogleSQL an error."""
    checked = "CASE WHEN $2 = 0 THEN error('division by zero') ELSE CAST($1 AS DOUBLE) / $2 END"
    return fill(checked, division.this, division.expression)


def index_array(node: exp.Bracket) -> exp.Expr:
    """array[OFFSET(n)] and its kin."""
    if "offset" not in node.args or len(node.expressions) != 1:
        raise refuse("A subscript other than OFFSET, ORDINAL, SAFE_OFFSET and SAFE_ORDINAL")
    first = node.args["offset"]
    outside = "NULL" if node.args.get("safe") else "error('Array index is out of bounds')"
    template = (
        f"CASE WHEN $2 < {first} OR $2 >= len($1) + {first} THEN {outside} ELSE list_extract($1, $2 + {1 - first}) END"
    )
    return fill(template, node.this, node.expressions[0])


def search_array(node: exp.In) -> exp.Expr:
    """x IN UNNEST(array)."""
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    elements = exp.select(exp.Anonymous(this="unnest", expressions=unnest.expressions))
    return exp.In(this=node.this, query=exp.Subquery(this=elements))


def escape_pattern(like: exp.Like) -> exp.Expr:
    """In the pattern of LIKE a backslash takes the next character as it is."""
    return exp.Escape(this=like.copy(), expression=exp.Literal.string("\\"))


def type_number(literal: exp.Literal) -> exp.Expr:
    """Numbers are INT64 or FLOAT64; DuckDB would make them as small as they fit, or decimal."""
    if literal.is_string or isinstance(literal.parent, _PLACES_OF_BARE_NUMBERS):
        return literal
    kind = exp.DType.BIGINT if literal.name.isdigit() else exp.DType.DOUBLE
    return exp.Cast(this=literal.copy(), to=exp.DataType.build(kind))


def type_parameter(parameter: exp.Parameter, types: Types) -> exp.Expr:
    """Parameters arrive as texts and say their types."""
    name = parameter.name.lower()
    if name not in types:
        raise invalid_query(f"Query parameter '{parameter.name}' not found")
    value = exp.Parameter(this=exp.var(f"p_{name}"))
    return exp.Cast(this=value, to=exp.DataType.build(types[name], dialect="duckdb"))


NOW = exp.Parameter(this=exp.var("now"))
"""The parameter under which a statement is told the laptop cloud's time."""


def rewrite_call(call: exp.Anonymous) -> exp.Expr:
    """The DuckDB expression for one call of a GoogleSQL function."""
    name = call.name.upper()
    if name not in FUNCTIONS:
        raise refuse(f"The function {name}")
    return FUNCTIONS[name](call)


def _array_agg(call: exp.Anonymous) -> exp.Expr:
    """ARRAY_AGG([DISTINCT] x [IGNORE NULLS] [ORDER BY …] [LIMIT n])."""
    value, limit = _without(arguments(call, 1)[0], exp.Limit)
    value, order = _without(value, exp.Order)
    value, ignored = _without(value, exp.IgnoreNulls)
    ordered = exp.Order(this=value.copy(), expressions=order.expressions) if order else value.copy()
    aggregate: exp.Expr = exp.Anonymous(this="array_agg", expressions=[ordered])
    if ignored:
        counted = value.expressions[0] if isinstance(value, exp.Distinct) else value
        aggregate = exp.Filter(this=aggregate, expression=exp.Where(this=fill("$1 IS NOT NULL", counted)))
    return fill("list_slice($1, 1, $2)", aggregate, limit.expression) if limit else aggregate


def _string_agg(call: exp.Anonymous) -> exp.Expr:
    """STRING_AGG([DISTINCT] x [, delimiter] [ORDER BY …]); the parser hangs the order on the last argument."""
    *values, last = arguments(call, 1, 2)
    if isinstance(last, exp.Limit):
        raise refuse("STRING_AGG with LIMIT")
    last, order = _without(last, exp.Order)
    values.append(last)
    distinct = isinstance(values[0], exp.Distinct)
    if distinct:
        values = list(values[0].expressions)
    value, delimiter = values if len(values) == 2 else (values[0], exp.Literal.string(","))
    value = exp.Distinct(expressions=[value]) if distinct else value
    delimiter = exp.Order(this=delimiter, expressions=order.expressions) if order else delimiter
    return exp.Anonymous(this="string_agg", expressions=[value, delimiter])


def _without(node: exp.Expr, modifier: type[exp.Expr]) -> tuple[exp.Expr, exp.Expr | None]:
    """What a modifier modifies, and the modifier when there is one."""
    return (node.this, node) if isinstance(node, modifier) else (node, None)


def _null_if_any_is(name: str) -> Rewrite:
    """GREATEST and LEAST know nothing when one value is unknown; DuckDB's leave that one out."""

    def rewrite(call: exp.Anonymous) -> exp.Expr:
        unknown = exp.or_(*(fill("$1 IS NULL", argument) for argument in call.expressions))
        known = exp.Anonymous(this=name, expressions=call.expressions)
        return fill("CASE WHEN $1 THEN NULL ELSE $2 END", unknown, known)

    return rewrite


def _concat(call: exp.Anonymous) -> exp.Expr:
    """DuckDB's own concat leaves NULL out; GoogleSQL's is NULL as soon as one part is."""
    joined: exp.Expr = call.expressions[0]
    for part in call.expressions[1:]:
        joined = fill("$1 || $2", joined, part)
    return joined


def _normalize_and_casefold(call: exp.Anonymous) -> exp.Expr:
    """DuckDB has no such function: bigquery/warehouse.py brings it."""
    text, form = arguments(call, 2)
    if form.name.upper() != "NFKC":
        raise refuse("NORMALIZE_AND_CASEFOLD to another form than NFKC")
    return fill("nfkc_casefold($1)", text)


def _json_value(call: exp.Anonymous) -> exp.Expr:
    """The scalar at a path as text; NULL where there is an object or an array."""
    path = call.expressions[1] if len(arguments(call, 1, 2)) == 2 else exp.Literal.string("$")
    text = "CASE WHEN json_type($1, $2) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string($1, $2) END"
    return fill(text, call.expressions[0], path)


def _current_date(call: exp.Anonymous) -> exp.Expr:
    """The day in a time zone, UTC unless told."""
    zone = arguments(call, 0, 1) or [exp.Literal.string("UTC")]
    return fill("CAST(timezone($1, $2) AS DATE)", zone[0], NOW)


_SUBSTRING_START = "CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END"

FUNCTIONS: dict[str, Rewrite] = {
    # aggregates
    "ANY_VALUE": same_as("any_value", 1),
    "ARRAY_AGG": _array_agg,
    "AVG": same_as("avg", 1),
    "COUNT": same_as("count", 1),
    "COUNTIF": as_template("count(CASE WHEN $1 THEN 1 END)"),
    "LOGICAL_AND": same_as("bool_and", 1),
    "LOGICAL_OR": same_as("bool_or", 1),
    "MAX": same_as("max", 1),
    "MIN": same_as("min", 1),
    "STRING_AGG": _string_agg,
    "SUM": same_as("sum", 1),
    # windows
    "DENSE_RANK": same_as("dense_rank", 0),
    "FIRST_VALUE": same_as("first_value", 1),
    "LAG": same_as("lag", 1, 2, 3),
    "LAST_VALUE": same_as("last_value", 1),
    "LEAD": same_as("lead", 1, 2, 3),
    "RANK": same_as("rank", 0),
    "ROW_NUMBER": same_as("row_number", 0),
    # conditions
    "COALESCE": lambda call: exp.Anonymous(this="coalesce", expressions=call.expressions),
    "GREATEST": _null_if_any_is("greatest"),
    "IFNULL": same_as("coalesce", 2),
    "LEAST": _null_if_any_is("least"),
    "NULLIF": same_as("nullif", 2),
    # numbers
    "ABS": same_as("abs", 1),
    "CEIL": as_template("ceil(CAST($1 AS DOUBLE))"),
    "DIV": as_template("$1 // $2"),
    "FLOOR": as_template("floor(CAST($1 AS DOUBLE))"),
    "MOD": as_template("$1 % $2"),
    "ROUND": as_template("round(CAST($1 AS DOUBLE))", "round(CAST($1 AS DOUBLE), CAST($2 AS INTEGER))"),
    "SAFE_DIVIDE": as_template("CASE WHEN $2 <> 0 THEN CAST($1 AS DOUBLE) / $2 END"),
    # texts
    "CONCAT": _concat,
    "LENGTH": same_as("length", 1),
    "LOWER": same_as("lower", 1),
    "NORMALIZE_AND_CASEFOLD": _normalize_and_casefold,
    "REGEXP_CONTAINS": same_as("regexp_matches", 2),
    "REGEXP_REPLACE": as_template("regexp_replace($1, $2, $3, 'g')"),
    "STARTS_WITH": same_as("starts_with", 2),
    "STRPOS": same_as("strpos", 2),
    "SUBSTR": as_template(f"substring($1, {_SUBSTRING_START})", f"substring($1, {_SUBSTRING_START}, $3)"),
    # arrays
    "ARRAY_LENGTH": same_as("len", 1),
    # JSON
    "JSON_VALUE": _json_value,
    "PARSE_JSON": same_as("json", 1),
    "TO_JSON_STRING": as_template(
        "CASE typeof($1) WHEN 'JSON' THEN coalesce(CAST($1 AS VARCHAR), 'null') "
        "ELSE error('TO_JSON_STRING of anything but JSON is not imitated by the laptop cloud') END"
    ),
    # instants and dates
    "CURRENT_DATE": _current_date,
    "CURRENT_TIMESTAMP": lambda call: NOW.copy(),
    "DATE": as_template("CAST($1 AS DATE)", "CAST(timezone($2, $1) AS DATE)", "make_date($1, $2, $3)"),
    "DATE_ADD": move_date("+"),
    "DATE_DIFF": date_difference,
    "DATE_SUB": move_date("-"),
    "DATE_TRUNC": truncate_date,
    "FORMAT_DATE": format_date,
    "FORMAT_TIMESTAMP": format_timestamp,
    "TIMESTAMP": as_template("CAST($1 AS TIMESTAMPTZ)", "timezone($2, CAST($1 AS TIMESTAMP))"),
    "TIMESTAMP_ADD": move_timestamp("+"),
    "TIMESTAMP_DIFF": timestamp_difference,
    "TIMESTAMP_MICROS": as_template("make_timestamptz($1)"),
    "TIMESTAMP_MILLIS": as_template("make_timestamptz($1 * 1000)"),
    "TIMESTAMP_SECONDS": as_template("make_timestamptz($1 * 1000000)"),
    "TIMESTAMP_SUB": move_timestamp("-"),
    "TIMESTAMP_TRUNC": truncate_timestamp,
    "UNIX_MICROS": same_as("epoch_us", 1),
    "UNIX_MILLIS": as_template("epoch_us(date_trunc('MILLISECOND', $1)) // 1000"),
    "UNIX_SECONDS": as_template("epoch_us(date_trunc('SECOND', $1)) // 1000000"),
}
