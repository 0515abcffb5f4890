"""Invented listeners: the music, their tastes and every play of their lives. Pure, and from the seed alone.

May import nothing else of the laptop cloud.
"""
