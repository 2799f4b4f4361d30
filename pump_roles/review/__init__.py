"""For the people who decide whether to deploy: the command ``pump-roles``.

It needs the packages of the extra ``pump-roles[review]``.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from pump_roles.review.cli import app  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pump_roles"):
            raise
        sys.exit(f"pump-roles: {error.name} is missing: install the wheel with its extra, review")
    app()
