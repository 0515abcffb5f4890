"""Eventarc: events, who receives them, and deliveries until they are acknowledged. May import gcp.state and web."""
