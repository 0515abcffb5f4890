"""GoogleSQL → DuckDB's SQL, for the statements that the project sends. May import web."""
