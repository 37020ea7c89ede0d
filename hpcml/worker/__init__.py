"""Inside an allocation: what runs on compute nodes."""
