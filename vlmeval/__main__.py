"""`python -m vlmeval`: the command line."""

from vlmeval.cli import main

if __name__ == "__main__":
    main()
