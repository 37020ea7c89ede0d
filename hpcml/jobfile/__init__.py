"""YAML files to a resolved Campaign. yaml and pydantic are used here."""
