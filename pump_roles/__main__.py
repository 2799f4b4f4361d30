"""The command ``pump-roles``, also as ``python -m pump_roles``.

It needs the packages of the extra ``pump-roles[review]``.
"""

import signal
import sys


def main() -> None:
    """Run the command line."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    if on_interrupt is signal.default_int_handler:
        # Ctrl+C then ends the process. While modules are loaded, Python would print a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from pump_roles.review.cli import app  # noqa: PLC0415

        signal.signal(signal.SIGINT, on_interrupt)
        app()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pump_roles"):
            raise
        sys.exit(
            f"pump-roles: {error.name} is not installed; install the wheel with the extra [review]"
        )


if __name__ == "__main__":
    main()
