"""Empty here; a wheel carries templates/ and config/ as its subpackages (see share.py)."""
