"""`python -m midcourse`: the command line."""

from midcourse.cli import main

main()
