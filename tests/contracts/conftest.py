import sys
from pathlib import Path

# Both sides of a contract in one process: the folders are the functions' roots, their module names are all different.
for name in ("ingest", "load", "transform_trigger"):
    sys.path.append(str(Path(__file__).parents[2] / "functions" / name))
