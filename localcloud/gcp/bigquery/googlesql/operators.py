"""GoogleSQL's operators, casts, literals and parameters in DuckDB's words, where the two differ."""

from collections.abc import Mapping

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.templates import fill, invalid_query, refuse

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
