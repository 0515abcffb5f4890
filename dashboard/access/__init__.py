"""Sign-in, which listeners a viewer may see, what a browser may fetch. May import warehouse and what is below it."""
