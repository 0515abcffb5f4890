"""What the owner does by hand, on the laptop cloud and in Google Cloud alike: `python -m cli COMMAND`."""
