"""A Chromium that Playwright can drive: the system's, else Playwright's own.

`python -m localcloud.chromium` makes sure that there is one: it downloads Playwright's where the system has none, or
says what to install.
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

# The first draws the same pages with a fifth less CPU: it has no window to keep.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "There is no Chromium here, and Playwright's own could not be downloaded. Install one first: on Debian and Ubuntu "
    "`sudo apt-get install chromium`, on macOS `brew install --cask chromium`, elsewhere https://www.chromium.org/"
)


@cache
def find() -> str | None:
    """Where it is; None when there is none."""
    if found := next(filter(None, map(shutil.which, _NAMES)), None):
        return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        path = driver.chromium.executable_path  # of the one release that it can drive
    return path if Path(path).is_file() else None


def main() -> int:
    """Exit code 1: there is none, and none could be had."""
    if find():
        return 0
    print("==> no Chromium on this machine: downloading Playwright's own, about 200 MB", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    find.cache_clear()
    if find():
        return 0
    print(MISSING, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
