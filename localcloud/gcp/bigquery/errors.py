"""DuckDB's errors in BigQuery's words, as far as this project's statements can meet them."""

import re

import duckdb

from localcloud.web import ApiError

# What DuckDB says → reason and message that BigQuery gives; a message takes over what the pattern caught.
_MESSAGES = (
    (r'Referenced column "(.+?)" (?:was )?not found', "invalidQuery", "Unrecognized name: {}"),
    (r'Table ".+?" does not have a column named "(.+?)"', "invalidQuery", "Name {} not found"),
    (r'Table ".+?" does not have a column with name "(.+?)"', "invalidQuery", "Column {} is not present in table"),
    (r'Referenced table "(.+?)" not found', "invalidQuery", "Unrecognized name: {}"),
    (r"NOT NULL constraint failed: .+\.(.+)", "invalid", "Required field {} cannot be null"),
    (
        "MERGE INTO command cannot affect the same target row more than once",
        "invalidQuery",
        "UPDATE/MERGE must match at most one source row for each target row",
    ),
    (r"Malformed JSON(.*)", "invalidQuery", "Invalid input to PARSE_JSON: malformed JSON{}"),
    ("[Dd]ivision by zero", "invalidQuery", "division by zero"),
)


class JobError(ApiError):
    """A failed job with several errors, the first of which says that it failed and the others why."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(400, errors[0]["reason"], errors[0]["message"])
        self.errors = errors


def as_bigquery_error(error: duckdb.Error) -> ApiError:
    text = str(error)
    if isinstance(error, duckdb.InternalError):
        return ApiError(500, "internalError", f"An internal error occurred: {text}")
    for pattern, reason, message in _MESSAGES:
        match = re.search(pattern, text)
        if match:
            return ApiError(400, reason, message.format(*match.groups()))
    return ApiError(400, "invalidQuery", text.splitlines()[0].partition("Error: ")[2] or text)
