"""What the project sends to Google's services: statements and calls, to compare with what the laptop cloud imitates."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError

from localcloud.gcp.bigquery.googlesql.translate import GoogleSQL
from tests.contracts.api_judge import Call

_ROOT = Path(__file__).parents[2]
_SENDERS = (
    *("benchmarks", "cli", "dashboard", "functions", "localcloud", "spark_jobs"),
    *("tests/cli", "tests/faults", "tests/ingest", "tests/load", "tests/transform_trigger"),
)
_NO_SENDER = (
    *("localcloud/gcp/", "benchmarks/scale/", "benchmarks/spark/"),
    "cli/commands/import_history/reading/",
)
"""What answers statements, and what asks DuckDB and Spark in their own SQL."""
_PARTS = {"staging": "staged", "table": "t", "same_play": "SELECT 1", "doubled": "SELECT 1", "dataset": "d"}
"""What stands for the parts of a query file that are put in when it is sent."""
_STATEMENT = re.compile(r"\s*(SELECT|WITH|MERGE|INSERT|DELETE)\b")
_TABLE_NAME = re.compile(r"\{\w+\}")


def sent_syntax(calls: Iterable[Call]) -> tuple[set[str], set[type[exp.Expr]]]:
    """Names of functions and types of nodes in what the calls sent and in every statement that is written down whole.

    A statement of which Python builds a part is known from the calls only.
    """
    trees = [parse_one(sql, dialect=GoogleSQL) for sql in (*_query_files(), *_sent_statements(calls))]
    trees += _whole_statements()
    nodes = [node for tree in trees for node in tree.walk()]
    return {node.name.upper() for node in nodes if isinstance(node, exp.Anonymous)}, {type(node) for node in nodes}


def _files(ending: str) -> Iterator[Path]:
    for path in (path for folder in _SENDERS for path in (_ROOT / folder).rglob(f"*.{ending}")):
        if not path.relative_to(_ROOT).as_posix().startswith(_NO_SENDER):
            yield path


def _query_files() -> Iterator[str]:
    for path in _files("sql"):
        yield Template(path.read_text()).safe_substitute(_PARTS)
    yield from re.findall(r"```sql\n(.+?)```", (_ROOT / "docs/queries.md").read_text(), re.DOTALL)


def _sent_statements(calls: Iterable[Call]) -> Iterator[str]:
    for path, call in ((call.request.path, call) for call in calls if call.request.method == "POST"):
        if path.startswith("/bigquery/") and path.endswith("/queries"):
            yield call.request.json()["query"]
        elif path.startswith("/bigquery/") and path.endswith("/jobs"):
            yield from filter(None, [call.request.json()["configuration"].get("query", {}).get("query")])


def _whole_statements() -> Iterator[exp.Expr]:
    for path in _files("py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            if _STATEMENT.match(text):
                try:
                    yield parse_one(_TABLE_NAME.sub("x", text), dialect=GoogleSQL)
                except (ParseError, TokenError):
                    continue  # a piece of one, or prose
