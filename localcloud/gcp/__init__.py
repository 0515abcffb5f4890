"""Google's services, a module or a folder each, and what starts and steers them.

May import web, faults and clock. Only laptop_cloud.py, the process of them all, imports spark.
"""
