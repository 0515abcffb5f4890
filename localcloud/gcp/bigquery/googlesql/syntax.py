"""The syntax of GoogleSQL that the laptop BigQuery knows: the node types of what is sent."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localcloud.gcp.bigquery.googlesql.templates import refuse

KNOWN_SYNTAX: frozenset[type[exp.Expr]] = frozenset(
    {
        # statements and their clauses
        exp.CTE,
        exp.Delete,
        exp.From,
        exp.Group,
        exp.Having,
        exp.Insert,
        exp.Join,
        exp.Limit,
        exp.Merge,
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
        exp.Identifier,
        exp.Literal,
        exp.Null,
        exp.Parameter,
        exp.Star,
        exp.Table,
        exp.TableAlias,
        exp.Tuple,
        exp.Var,
        exp.Distinct,
        # operators
        exp.And,
        exp.Between,
        exp.Div,
        exp.EQ,
        exp.Exists,
        exp.GT,
        exp.GTE,
        exp.In,
        exp.Is,
        exp.Like,
        exp.LT,
        exp.LTE,
        exp.Neg,
        exp.NEQ,
        exp.Not,
        exp.Or,
        exp.Paren,
        exp.Sub,
        # functions that are syntax, and what belongs to calls
        exp.Anonymous,
        exp.Array,
        exp.Case,
        exp.Cast,
        exp.DataType,
        exp.If,
        exp.Interval,
        exp.Unnest,
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
    exp.Div: ((lambda node: not isinstance(node.expression, exp.Literal), "Division by anything but a number"),),
    exp.Delete: ((lambda node: not node.this, "DELETE without FROM"),),
    exp.Interval: ((lambda node: not isinstance(node.parent, exp.Anonymous), "INTERVAL outside of TIMESTAMP_ADD"),),
    exp.Parameter: ((lambda node: not isinstance(node.this, exp.Var), "A system variable"),),
    exp.Select: ((lambda node: bool(node.args.get("kind")), "SELECT AS STRUCT or VALUE"),),
    exp.Unnest: ((lambda node: bool(node.args.get("offset")), "UNNEST … WITH OFFSET"),),
}
