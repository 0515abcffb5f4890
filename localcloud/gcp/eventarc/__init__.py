"""Eventarc: events, who receives them, and deliveries until they are acknowledged.

May import gcp.credentials, gcp.state, web, faults and clock.
"""
