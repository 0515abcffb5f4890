"""What the owner does by hand, on the laptop cloud and in Google Cloud alike: `python -m cli COMMAND`.

May import localcloud, where the laptop cloud is found and how text from outside is printed.
"""
