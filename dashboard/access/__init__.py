"""Who is looking, whose listening they may see, what a browser may fetch. May import warehouse and what is below it."""
