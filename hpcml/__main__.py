"""`python -m hpcml` is `hpcml`."""

from hpcml.cli.main import main

main()
