"""`python -m service.cli`: the same as the `discount` command."""

from service.cli import main

main()
