"""What `make lint` checks beyond style and types: secrets in the tree, known vulnerabilities of what is pinned.

May import nothing else of the project.
"""
