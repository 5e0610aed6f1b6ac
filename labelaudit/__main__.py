"""`python -m labelaudit` is the command line."""

from labelaudit.cli.entry import main

if __name__ == "__main__":
    main()
