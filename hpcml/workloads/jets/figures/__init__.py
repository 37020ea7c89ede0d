"""What the reports of the jet workloads draw."""
