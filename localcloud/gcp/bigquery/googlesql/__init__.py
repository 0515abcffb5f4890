"""GoogleSQL → DuckDB's SQL, for the statements that the project sends. May import bigquery.catalog and web."""
