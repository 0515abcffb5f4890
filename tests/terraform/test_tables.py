"""The tables and views that Terraform makes are their files, column by column, and those of the laptop cloud."""

import json

from localcloud.gcp.set_up import TABLE_FILES, VIEW_FILES, table_resource, view_resource


def test_the_tables_in_the_cloud_are_the_tables_of_the_laptop(deployment):
    made = [table for table in deployment.of_type("google_bigquery_table").values() if not table["view"]]
    assert {table["table_id"]: as_resource(table) for table in made} == {
        path.stem: {key: value for key, value in table_resource(path, {}).items() if key != "tableReference"}
        for path in TABLE_FILES
    }


def test_the_views_in_the_cloud_are_the_views_of_the_laptop(deployment):
    made = [table for table in deployment.of_type("google_bigquery_table").values() if table["view"]]
    dataset = {"projectId": "my-heavy-rotation", "datasetId": "listening"}
    resources = {path.stem: view_resource(path, dataset) for path in VIEW_FILES}
    assert {table["table_id"]: (table["description"], table["view"][0]["query"]) for table in made} == {
        name: (view["description"], view["view"]["query"]) for name, view in resources.items()
    }


def as_resource(table):
    """A table of Terraform's state in the form of BigQuery's API."""
    resource = {
        "description": table["description"],
        "schema": {"fields": json.loads(table["schema"])},
    }
    if table["time_partitioning"]:
        partitioning = table["time_partitioning"][0]
        resource["timePartitioning"] = {"type": partitioning["type"], "field": partitioning["field"]}
    if table["clustering"]:
        resource["clustering"] = {"fields": table["clustering"]}
    return resource
