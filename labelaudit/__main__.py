"""`python -m labelaudit` is the command line."""

from labelaudit.cli.app import main

if __name__ == "__main__":
    main()
