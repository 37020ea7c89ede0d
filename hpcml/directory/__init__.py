"""A campaign directory, opened: plan, inputs, unit lists, attempts, history. Every verb starts here."""
