"""What the dashboard's tests share: its folder on the import path, as Streamlit puts it there."""

import sys
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"
if str(DASHBOARD) not in sys.path:
    sys.path.insert(0, str(DASHBOARD))
