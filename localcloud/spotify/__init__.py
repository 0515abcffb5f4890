"""The invented Spotify and ReccoBeats: servers, consents, errors, data export.

May import listeners, gcp.credentials, web, faults and clock.
"""
