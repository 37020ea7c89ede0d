"""Arrays in, arrays out, no physics noun: what any physicist would reuse."""
