"""The command ``pump-roles``, also as ``python -m pump_roles``.

It needs the packages of the extra ``pump-roles[review]``.
"""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from pump_roles.review.cli import app  # noqa: PLC0415

        app()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pump_roles"):
            raise
        sys.exit(
            f"pump-roles: {error.name} is not installed; install the wheel with the extra [review]"
        )


if __name__ == "__main__":
    main()
