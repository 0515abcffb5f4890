"""The syntax of GoogleSQL that the laptop BigQuery knows: SQLGlot's node types, proved by the golden test."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.templates import refuse

KNOWN_SYNTAX: frozenset[type[exp.Expr]] = frozenset(
    {
        # statements and their clauses
        exp.CTE,
        exp.Delete,
        exp.Except,
        exp.From,
        exp.Group,
        exp.Having,
        exp.Insert,
        exp.Intersect,
        exp.Join,
        exp.Limit,
        exp.Merge,
        exp.Offset,
        exp.Order,
        exp.Ordered,
        exp.Qualify,
        exp.Schema,
        exp.Select,
        exp.Subquery,
        exp.Union,
        exp.Update,
        exp.Values,
        exp.When,
        exp.Whens,
        exp.Where,
        exp.With,
        # names and values
        exp.Alias,
        exp.Boolean,
        exp.Column,
        exp.Dot,
        exp.Identifier,
        exp.Literal,
        exp.Null,
        exp.Parameter,
        exp.PropertyEQ,
        exp.Star,
        exp.Table,
        exp.TableAlias,
        exp.Tuple,
        exp.Var,
        exp.Distinct,
        # operators
        exp.Add,
        exp.And,
        exp.Between,
        exp.Div,
        exp.DPipe,
        exp.EQ,
        exp.Exists,
        exp.GT,
        exp.GTE,
        exp.In,
        exp.Is,
        exp.Like,
        exp.LT,
        exp.LTE,
        exp.Mul,
        exp.Neg,
        exp.NEQ,
        exp.Not,
        exp.Or,
        exp.Paren,
        exp.Sub,
        # functions that are syntax, and what belongs to calls
        exp.Anonymous,
        exp.Array,
        exp.AtTimeZone,
        exp.Bracket,
        exp.Case,
        exp.Cast,
        exp.ColumnDef,
        exp.CurrentDate,
        exp.CurrentTimestamp,
        exp.DataType,
        exp.Extract,
        exp.If,
        exp.IgnoreNulls,
        exp.Interval,
        exp.Struct,
        exp.TryCast,
        exp.Unnest,
        exp.WeekStart,
        exp.Window,
        exp.WindowSpec,
    }
)


def refuse_unknown_syntax(statement: exp.Expr) -> None:
    for node in statement.walk():
        if type(node) not in KNOWN_SYNTAX:
            raise refuse(f"The syntax of {type(node).__name__}")
        for unknown, what in _UNKNOWN_FORMS.get(type(node), ()):
            if unknown(node):
                raise refuse(what)


_UNKNOWN_FORMS: dict[type[exp.Expr], tuple[tuple[Callable[[Any], bool], str], ...]] = {
    exp.Delete: ((lambda node: not node.this, "DELETE without FROM"),),
    exp.Interval: ((lambda node: not isinstance(node.parent, exp.Anonymous), "INTERVAL outside of …_ADD and …_SUB"),),
    exp.Parameter: ((lambda node: not isinstance(node.this, exp.Var), "A system variable"),),
    exp.Select: ((lambda node: bool(node.args.get("kind")), "SELECT AS STRUCT or VALUE"),),
    exp.Unnest: ((lambda node: bool(node.args.get("offset")), "UNNEST … WITH OFFSET"),),
}
