"""The laptop cloud: stand-ins for the few Google Cloud services this project uses, and an invented Spotify.

The functions, the Spark job and the dashboard run against it unchanged. `localcloud/README.md` says what it
imitates, what it imitates partly, and what it does not.
"""
