"""The steps from GoogleSQL's syntax tree to DuckDB's, in their order: STEPS. Each one does a single thing."""

from collections.abc import Callable

from sqlglot import exp

from localcloud.googlesql_functions import NOW, cast, divide, rewrite_call
from localcloud.googlesql_template import fill, invalid_query, refuse
from localcloud.googlesql_time import extract

Types = dict[str, str]
"""The DuckDB type of each query parameter, by its name in lower case."""
Step = Callable[[exp.Expression, Types], exp.Expression]


def _rewrite(
    statement: exp.Expression, kinds: type[exp.Expression] | tuple[type[exp.Expression], ...], change: Callable[..., exp.Expression]
) -> exp.Expression:
    """Change every node of some kinds, the innermost first."""
    found = statement.find_all(*(kinds if isinstance(kinds, tuple) else (kinds,)))
    for node in reversed(list(found)):
        changed = change(node)
        if changed is not node:
            node.replace(changed)
    return statement


def check_dml(statement: exp.Expression, types: Types) -> exp.Expression:
    if isinstance(statement, exp.Delete) and not statement.args.get("where"):
        raise invalid_query("DELETE must have a WHERE clause")
    return statement


def name_results(statement: exp.Expression, types: Types) -> exp.Expression:
    """Columns without a name are called f0_, f1_, … by BigQuery."""
    if isinstance(statement, exp.Query):
        select = statement.find(exp.Select)
        unnamed = [column for column in select.expressions if not column.alias_or_name] if select else []
        for number, column in enumerate(unnamed):
            column.replace(exp.alias_(column.copy(), f"f{number}_"))
    return statement


def expand_stars_over_unnest(statement: exp.Expression, types: Types) -> exp.Expression:
    """SELECT * over an array of structs gives the structs' fields; in DuckDB it gives the structs."""

    def expand(select: exp.Select) -> exp.Expression:
        sources = [node for node in select.find_all(exp.Unnest) if node.find_ancestor(exp.Select) is select]
        if select.is_star and any(isinstance(source.parent, (exp.From, exp.Join)) for source in sources):
            raise refuse("SELECT * over UNNEST; name the fields, it")
        return select

    return _rewrite(statement, exp.Select, expand)


def search_arrays(statement: exp.Expression, types: Types) -> exp.Expression:
    """x IN UNNEST(array)."""

    def search(node: exp.In) -> exp.Expression:
        unnest = node.args.get("unnest")
        if unnest is None:
            return node
        elements = exp.select(exp.Anonymous(this="unnest", expressions=unnest.expressions))
        return exp.In(this=node.this, query=exp.Subquery(this=elements))

    return _rewrite(statement, exp.In, search)


def type_numbers(statement: exp.Expression, types: Types) -> exp.Expression:
    """Numbers are INT64 or FLOAT64; DuckDB would make them as small as they fit, or decimal."""

    def typed(literal: exp.Literal) -> exp.Expression:
        bare = (exp.Interval, exp.Limit, exp.Offset, exp.Group, exp.Ordered, exp.DataType, exp.WindowSpec)
        if literal.is_string or isinstance(literal.parent, bare):
            return literal
        return exp.cast(literal.copy(), "BIGINT" if literal.name.isdigit() else "DOUBLE", copy=False)

    return _rewrite(statement, exp.Literal, typed)


def escape_patterns(statement: exp.Expression, types: Types) -> exp.Expression:
    """LIKE knows the backslash."""
    return _rewrite(
        statement, exp.Like, lambda like: exp.Escape(this=like.copy(), expression=exp.Literal.string("\\"))
    )


def index_arrays(statement: exp.Expression, types: Types) -> exp.Expression:
    """array[OFFSET(n)] and its kin."""

    def index(node: exp.Bracket) -> exp.Expression:
        if "offset" not in node.args or len(node.expressions) != 1:
            raise refuse("A subscript other than OFFSET, ORDINAL, SAFE_OFFSET or SAFE_ORDINAL")
        first = node.args["offset"]
        outside = "NULL" if node.args.get("safe") else "error('Array index is out of bounds')"
        inside = f"CASE WHEN $2 < {first} OR $2 >= len($1) + {first} THEN {outside} ELSE list_extract($1, $2 + {1 - first}) END"
        return fill(inside, node.this, node.expressions[0])

    return _rewrite(statement, exp.Bracket, index)


def rewrite_operators(statement: exp.Expression, types: Types) -> exp.Expression:
    _rewrite(statement, exp.Div, divide)
    _rewrite(statement, exp.Extract, extract)
    return _rewrite(statement, (exp.Cast, exp.TryCast), cast)


def rewrite_calls(statement: exp.Expression, types: Types) -> exp.Expression:
    """Every call of a function by its line in the allow-list."""
    _rewrite(statement, (exp.CurrentTimestamp, exp.CurrentDate), _as_call)
    return _rewrite(statement, exp.Anonymous, rewrite_call)


def _as_call(node: exp.Expression) -> exp.Expression:
    name = "CURRENT_TIMESTAMP" if isinstance(node, exp.CurrentTimestamp) else "CURRENT_DATE"
    return exp.Anonymous(this=name, expressions=[])


def type_parameters(statement: exp.Expression, types: Types) -> exp.Expression:
    """Parameters arrive as text and say their types."""

    def typed(parameter: exp.Parameter) -> exp.Expression:
        name = parameter.name.lower()
        if parameter == NOW:
            return parameter
        if name not in types:
            raise invalid_query(f"Query parameter '{parameter.name}' not found")
        value = exp.Parameter(this=exp.var(f"p_{name}"))
        return exp.Cast(this=value, to=exp.DataType.build(types[name], dialect="duckdb"))

    return _rewrite(statement, exp.Parameter, typed)


def merge_in_duckdb(statement: exp.Expression, types: Types) -> exp.Expression:
    """INSERT ROW is INSERT *, and what a MERGE did is told row by row."""
    if not isinstance(statement, exp.Merge):
        return statement
    for when in statement.find_all(exp.When):
        then = when.args["then"]
        if isinstance(then, exp.Insert) and then.this == exp.var("ROW"):
            then.set("this", exp.Star())
    statement.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
    return statement


STEPS: tuple[Step, ...] = (
    check_dml,
    name_results,
    expand_stars_over_unnest,
    type_parameters,
    search_arrays,
    type_numbers,
    escape_patterns,
    index_arrays,
    rewrite_calls,
    rewrite_operators,
    merge_in_duckdb,
)
