"""Classifiers, splits and scores on arrays. No physics."""
