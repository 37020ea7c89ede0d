"""`python -m hpcml` is `hpcml`."""

from hpcml.cli import main

main()
