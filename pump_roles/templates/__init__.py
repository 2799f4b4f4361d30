"""What an app's templates deploy: Pump's roles, and everything that reaches them. Reads only files.

Each value is resolved once. Conditions, macros, and what whoever deploys says are known only at
deployment. If one of them could change one of Pump's roles, the result says so, and does not rely
on it.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pump_roles.inputs.text import TOO_DEEP, InputError
from pump_roles.templates.reach import attachments
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import additions_at_deployment
from pump_roles.templates.template_files import files_in, load

if TYPE_CHECKING:
    from pump_roles.role.assembly import Assembly


def read(path: Path) -> "Assembly":
    """Read a template, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, this reads exactly the templates that
    the manifest names, with those nested in them and those that a StackSet deploys.
    """
    # Imported here: the check at synth needs no roles.
    from pump_roles.templates.deployments import assembly_of  # noqa: PLC0415
    from pump_roles.templates.other_access import others  # noqa: PLC0415
    from pump_roles.templates.role_reader import approval_end_roles, pump_roles  # noqa: PLC0415

    try:
        files = files_in(path)
        templates = load((file for file in files if file.readable), empty=path.is_dir())
        resolver = Resolver(templates)
        additions = {template: additions_at_deployment(template) for template in templates}
        attached = attachments(resolver.resources.values(), additions)
        roles = [*pump_roles(resolver.resources.values(), attached)]
        if not roles:
            raise InputError(f"{path}: contains none of Pump's roles")
        outside = [file for file in files if not file.readable]
        found = dict(others(resolver, roles, attached))
        assembly = assembly_of(path, resolver, roles, found, additions=additions, outside=outside)
        ending = approval_end_roles(resolver.resources.values(), attached)
        return replace(assembly, approval_end_roles=ending)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
