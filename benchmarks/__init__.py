"""What is measured, and against which limits: a folder per part. May import cli, localcloud and tests."""
