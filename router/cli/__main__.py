"""`python -m router.cli` is `turnout`."""

from router.cli.main import main

main()
