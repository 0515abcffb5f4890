"""Page About: what this is, how it counts, privacy, how a listener leaves, the version."""

import os
from pathlib import Path

import streamlit as st

import humanize
from access import viewer

interval = humanize.each(viewer.opened()[0].schedule.interval_hours, "hour")
st.markdown(f"""
Heavy Rotation keeps the listening history that Spotify forgets: every {interval} it fetches the last 50 plays of each
listener and stores them in its owner's own Google Cloud project. No other service gets them; if the owner has chosen
ReccoBeats for audio features, that service learns the tracks' ids, not who played them.

## How it counts
- **A play** is a track that Spotify's list of recently played tracks returned, or one of an imported export. One of
  less than 30 seconds in the export does not count. Podcasts are not in that list.
- **Time** is measured where an export has it; else the length of the track, marked as estimated.
- **Ranks** are competition ranks: equal numbers share a rank (1, 1, 3). No tie is left to chance in the order.
- **Recordings**: track ids with the same ISRC count as one. **Artists**: every credited artist gets the play.
- **Clocks**: plays are stored in UTC and shown on the clock of the chosen zone, with its changes of summer time.
- **Gaps**: when Spotify's page did not reach back to a play stored from its API, plays before it may be lost. Bars
  of such days are outlined, as are those since plays of a listener are not collected, and averages leave them out.

## Privacy
- Only people on the owner's list see anything, and only the listeners that the owner allows them.
- Your browser contacts only this server, and Spotify's picture host for covers. There are no trackers.
- **Take your data home**: the History page has all of it as CSV or Parquet.
- **Leave**: remove the app's access at [spotify.com/account/apps](https://www.spotify.com/account/apps/), and ask the
  owner to run `python -m cli forget LISTENER`, which deletes tokens, plays and files.

## Spotify
Track data and covers come from Spotify and belong to their owners; covers are shown unaltered, and each links to its
item or has the link beside it. Spotify is a trademark of Spotify AB, which has nothing to do with this project.
Spotify's Developer Policy does not allow making listenership metrics for others from its API: this dashboard is meant
for yourself and those you live with.
""")
version = (Path(__file__).parents[1] / "VERSION").read_text().strip()
# https://cloud.google.com/run/docs/container-contract#env-vars
revision = os.environ.get("K_REVISION") or "run from a checkout"
st.caption(f"Version: {version}, {revision}, on Streamlit {st.__version__}.")
