"""Page Album: rank with neighbours, first and last play, best months, hours, latest plays."""

from components import item_page

item_page.draw("Albums")
