"""BigQuery's REST calls about datasets, tables and their rows."""

from typing import Any

from localcloud.gcp.bigquery import catalog
from localcloud.gcp.bigquery.catalog import Sizes, count_rows
from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.bigquery.schema import encode_rows
from localcloud.gcp.bigquery.warehouse import Warehouse
from localcloud.web import ApiError, Request, Response, Routes

PROJECT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
_DATASETS = rf"{PROJECT}/datasets"
_TABLES = rf"{_DATASETS}/(?P<dataset>[^/]+)/tables"
_PAGE_ROWS = 10_000
"""Rows of one answer unless the caller requests fewer."""


class TablesApi:
    def __init__(self, warehouse: Warehouse, sizes: Sizes) -> None:
        self._warehouse, self._sizes = warehouse, sizes

    def routes(self) -> Routes:
        routes = Routes()
        routes.add("POST", _DATASETS, self.create_dataset)
        routes.add("GET", _TABLES, self.list_tables)
        routes.add("POST", _TABLES, self.create_table)
        routes.add("GET", rf"{_TABLES}/(?P<table>[^/]+)", self.get_table)
        routes.add("DELETE", rf"{_TABLES}/(?P<table>[^/]+)", self.delete_table)
        routes.add("GET", rf"{_TABLES}/(?P<table>[^/]+)/data", self.list_rows)
        return routes

    def create_dataset(self, request: Request) -> Response:
        with self._warehouse.writing() as cursor:
            project, now_ms = request.params["project"], self._warehouse.now_ms()
            return Response.of_json(catalog.create_dataset(cursor, project, request.json(), now_ms))

    def list_tables(self, request: Request) -> Response:
        project, dataset = request.params["project"], request.params["dataset"]
        with self._warehouse.reading() as cursor:
            tables = catalog.list_tables(cursor, project, dataset, self._warehouse.now_ms())
        return Response.of_json({"kind": "bigquery#tableList", "tables": tables, "totalItems": len(tables)})

    def create_table(self, request: Request) -> Response:
        body = request.json()
        table = TableId(request.params["project"], request.params["dataset"], body["tableReference"]["tableId"])
        with self._warehouse.writing() as cursor:
            resource = catalog.create_table(cursor, table, body, self._warehouse.now_ms())
            return Response.of_json(self._sizes.added_to(cursor, resource))

    def get_table(self, request: Request) -> Response:
        with self._warehouse.reading() as cursor:
            resource = catalog.find_table(cursor, _table(request), self._warehouse.now_ms())
            return Response.of_json(self._sizes.added_to(cursor, resource))

    def delete_table(self, request: Request) -> Response:
        table = _table(request)
        with self._warehouse.writing() as cursor:
            catalog.find_table(cursor, table, self._warehouse.now_ms())
            catalog.drop(cursor, table)
        return Response(204)

    def list_rows(self, request: Request) -> Response:
        table, (start, size) = _table(request), page_of(request)
        with self._warehouse.reading() as cursor:
            fields = catalog.find_table(cursor, table, self._warehouse.now_ms())["schema"]["fields"]
            page = cursor.execute(f"FROM {table.sql} ORDER BY rowid LIMIT {size} OFFSET {start}")
            rows = encode_rows(fields, page.fetchall())
            total = count_rows(cursor, table)
        answer = {"kind": "bigquery#tableDataList", "totalRows": str(total), "rows": rows}
        return Response.of_json({**answer, **next_page(start, len(rows), total)})


def page_of(request: Request) -> tuple[int, int]:
    """Where the wanted page starts and how many rows it has at most; a page token is the number of its first row."""
    if request.query.keys() & {"selectedFields", "startIndex"}:
        raise ApiError(501, "notImplemented", "The laptop cloud lists whole rows, from the first on")
    return int(request.arg("pageToken") or 0), int(request.arg("maxResults") or _PAGE_ROWS)


def next_page(start: int, count: int, total: int) -> dict[str, Any]:
    return {"pageToken": str(start + count)} if start + count < total else {}


def _table(request: Request) -> TableId:
    return TableId(request.params["project"], request.params["dataset"], request.params["table"])
