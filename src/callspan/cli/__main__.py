"""`python -m callspan.cli`: the command line where scripts are not on the path."""

from callspan.cli import main

main()
