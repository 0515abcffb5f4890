"""`make demo`: its story, its past, the proof of every figure, its report. May import all of the laptop cloud."""
