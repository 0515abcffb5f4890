"""Every query of the dashboard is GoogleSQL by Google's own analyzer, against the tables as their files say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.set_up import TABLE_FILES

QUERIES = Path(__file__).parents[2] / "dashboard" / "queries"
PARAMETERS = {"listener_id": "TYPE_STRING", "since": "TYPE_TIMESTAMP"}
KINDS = {
    "STRING": "TYPE_STRING",
    "INTEGER": "TYPE_INT64",
    "FLOAT": "TYPE_DOUBLE",
    "BOOLEAN": "TYPE_BOOL",
    "TIMESTAMP": "TYPE_TIMESTAMP",
    "JSON": "TYPE_JSON",
}

pytestmark = pytest.mark.zetasql


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Any]:
    from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
    from zetasql.types import AnalyzerOptions, LanguageOptions, Type, TypeKind, ZetaSQLBuiltinFunctionOptions

    language = LanguageOptions.maximum_features()
    catalog = CatalogBuilder("listening")
    for path in TABLE_FILES:
        table = TableBuilder(path.stem)
        for column in json.loads(path.read_text())["columns"]:
            table = table.add_column(column["name"], getattr(TypeKind, KINDS[column["type"]]))
        catalog = catalog.add_table(table.build())
    catalog = catalog.with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=language))
    options = AnalyzerOptions(language_options=language)
    options.query_parameters = [
        AnalyzerOptions.QueryParameter(name=name, type=Type(type_kind=getattr(TypeKind, kind)))
        for name, kind in PARAMETERS.items()
    ]
    yield Analyzer(options, catalog.build())


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
@pytest.mark.timeout(180)
def test_bigquery_would_accept_the_query(analyzer: Any, name: str):
    statement = analyzer.analyze_statement((QUERIES / f"{name}.sql").read_text())
    assert statement.output_column_list


@pytest.mark.timeout(180)
def test_the_analyzer_refuses_a_column_that_no_table_has(analyzer: Any):
    from zetasql.core.exceptions import ZetaSQLError

    with pytest.raises(ZetaSQLError):
        analyzer.analyze_statement("SELECT played_on FROM plays WHERE listener_id = @listener_id")
