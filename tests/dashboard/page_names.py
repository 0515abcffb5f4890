"""The pages of the dashboard, as their files are named."""

PAGES = ("overview", "top", "when", "discoveries", "sound", "year", "history", "together", "pipeline")
ITEMS = {"track": "track_id", "artist": "artist_id", "album": "album_id"}
"""The pages of one item, and the column that names it; they know no period."""
HIDDEN = (*ITEMS, "about")
LISTENING = PAGES[:-1]
