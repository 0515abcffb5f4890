"""Eventarc: events, their subscribers, and deliveries until they are acknowledged.

May import gcp.credentials, gcp.state, web, faults and clock.
"""
