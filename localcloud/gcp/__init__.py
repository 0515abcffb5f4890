"""Google's services, a module or a folder each, and what starts and steers them.

May import web, faults and clock. Only server.py, the process of them all, imports spark.
"""
