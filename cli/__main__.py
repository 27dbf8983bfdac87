"""`python -m recursor.cli`, where no script is installed."""

from recursor.cli.app import main

main()
