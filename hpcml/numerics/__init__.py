"""Arrays in, arrays out: formulas and array tools that any physicist would reuse. No physics noun."""
