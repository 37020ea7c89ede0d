"""What the reports of the emulsion workloads draw."""
