"""What the owner does by hand, on the laptop cloud and in Google Cloud alike: `python -m cli COMMAND`.

May import localcloud, where the laptop cloud is found and how text from outside is printed, and ingest's own modules.
"""

import sys
from pathlib import Path

# In its own process the folder is the root, and its modules import each other by their bare names.
sys.path.append(str(Path(__file__).parents[1] / "functions/ingest"))
