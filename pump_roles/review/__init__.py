"""For the people who decide whether to deploy: the command ``pump-roles``.

It needs the packages of the extra ``pump-roles[review]``.
"""

import os
import shutil
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    node = os.environ.get("JSII_NODE", "node")
    if shutil.which(node) is None:
        sys.exit(f"pump-roles: there is no {node} on the PATH: the CDK needs Node, 22 or newer")
    try:
        from pump_roles.review.cli import app  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pump_roles"):
            raise
        sys.exit(f"pump-roles: {error.name} is missing: install the wheel with its extra, review")
    app()
