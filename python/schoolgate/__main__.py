"""`python -m schoolgate`: the same as the command `schoolgate`."""

from schoolgate.cli import main

if __name__ == "__main__":
    main()
