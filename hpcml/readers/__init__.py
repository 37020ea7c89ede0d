"""Files of other programs to columns: ROOT, CSV, HDF5, YAML maps."""
