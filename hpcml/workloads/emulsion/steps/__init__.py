"""One file per workload: its parameters, tables and class."""
