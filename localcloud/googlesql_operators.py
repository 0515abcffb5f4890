"""What GoogleSQL's operators, casts and literals are in DuckDB's words, where the two differ."""

from sqlglot import exp

from localcloud.googlesql_template import fill, refuse

# What a text has to look like to be cast, and what DuckDB makes of everything else.
_FROM_TEXT = {
    exp.DType.BIGINT: r"\s*[+-]?[0-9]+\s*",
    exp.DType.BOOLEAN: "(?i)true|false",
}
_TO_INTEGER = "CASE typeof($1) WHEN 'DOUBLE' THEN CAST(round(TRY_CAST($1 AS DOUBLE)) AS BIGINT) ELSE $2 END"
_TO_TEXT = (
    "CASE typeof($1) WHEN 'DOUBLE' THEN error('CAST(FLOAT64 AS STRING) is not imitated by the laptop cloud') "
    "ELSE CAST($1 AS VARCHAR) END"
)
_CAST_TARGETS = {
    exp.DType.BIGINT,
    exp.DType.BOOLEAN,
    exp.DType.DATE,
    exp.DType.DOUBLE,
    exp.DType.STRUCT,
    exp.DType.ARRAY,
    exp.DType.TEXT,
    exp.DType.TIMESTAMPTZ,
}


def cast(node: exp.Cast) -> exp.Expr:
    """CAST and SAFE_CAST: DuckDB rounds halves to even, and texts it reads and writes more freely."""
    target = node.to.this
    if target not in _CAST_TARGETS or node.args.get("format"):
        raise refuse(f"CAST(… AS {node.to.sql('bigquery')}) in this form")
    if target == exp.DType.TEXT:
        return fill(_TO_TEXT, node.this)
    plain: exp.Expr = node.copy()
    if target in _FROM_TEXT and not isinstance(node.this, exp.Null):
        plain = _checked_text(node, _FROM_TEXT[target])
    return fill(_TO_INTEGER, node.this, plain) if target == exp.DType.BIGINT else plain
