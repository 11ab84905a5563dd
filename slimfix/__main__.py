"""`python -m slimfix`: the command, for where no script is installed."""

from slimfix.commands.main import console

if __name__ == "__main__":
    console()
