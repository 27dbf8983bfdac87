"""The `recursor` command, and `python -m recursor.cli` where no script is installed."""

import sys

from recursor.domain.extras import ExtraMissingError, needing


def main() -> None:
    """Run the command of this process, and end the process."""
    try:
        with needing("cli", "the command recursor"):
            from recursor.cli import app
    except ExtraMissingError as error:
        sys.exit(f"recursor: {error}")
    app.main()


if __name__ == "__main__":
    main()
