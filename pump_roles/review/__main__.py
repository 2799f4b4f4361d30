"""``python -m pump_roles.review``: the same as ``pump-roles``."""

from pump_roles.review import main

main()
