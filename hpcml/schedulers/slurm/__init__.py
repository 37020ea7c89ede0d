"""SLURM: template values, commands, and what its replies mean."""
