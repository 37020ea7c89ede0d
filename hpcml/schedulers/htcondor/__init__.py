"""HTCondor: template values, commands, event logs, and what its replies mean."""
