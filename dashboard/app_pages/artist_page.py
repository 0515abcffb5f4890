"""One artist: rank with neighbours, first and last play, best months, hours, latest plays."""

import item_frame

item_frame.draw("Artists")
