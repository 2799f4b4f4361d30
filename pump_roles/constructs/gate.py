"""A validation plugin that fails the synth if anything in an app widens one of Pump's roles.

CDK calls the plugin after it has written an app's templates, including those of stages and
pipelines. docs/synth-check.md lists what the plugin cannot see.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsii
from aws_cdk import (
    CfnResource,
    CfnStackSet,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolation,
    Resource,
    Stack,
    Stage,
    Validations,
)
from aws_cdk import aws_iam as iam

from pump_roles._version import __version__
from pump_roles.inputs.validators import ArgumentError, is_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs import Construct

    from pump_roles.templates.synth_check import ExpectedResource


def check_at_synth(
    resource: iam.CfnRole | CfnStackSet, scope: Construct, **properties: Any
) -> None:
    """Fail the synth when anything in the app widens a role, or a StackSet that deploys one.

    Two of Pump's roles in a stack, or in an account that is known, cannot have one name, ignoring
    case.
    """
    # Each attribute is a call into the CDK.
    stack = scope if isinstance(scope, Stack) else resource.stack
    plugin, file = _plugin_and_file(stack)
    if name := properties.get("RoleName"):
        account = stack.account
        place = str(file) if is_token(account) else account
        other = plugin.named.setdefault((place, name.lower()), resource)
        if other is not resource:
            role = other.node.path.removesuffix("/Resource")
            raise ArgumentError("role_name", f"{name} is already the name of {role}")
    plugin.checked.append((file, resource, resource.logical_id, properties))


def check_attachments(role: Resource, name: str) -> None:
    """Fail the synth when the app attaches to a role of another app what may not only deny."""
    plugin, file = _plugin_and_file(role.stack)
    # That one has no resource here, and so no logical ID.
    plugin.checked.append((file, role, "", {"RoleName": name}))


def _plugin_and_file(stack: Stack) -> tuple[_Immutable, Path]:
    stage = Stage.of(stack)
    assert stage is not None  # noqa: S101 - the root is an App, which is a stage
    plugin, folder = _plugin_and_folder(stage)
    # By file, because jsii returns another Python object each time for a stack that was not created
    # in Python.
    return plugin, folder / stack.template_file


@cache
def _plugin_and_folder(stage: Stage) -> tuple[_Immutable, Path]:
    # One for each app, so that its templates are read only once: by jsii's reference, because jsii
    # returns another Python object each time for an app that was not created in Python, such as
    # that of ``Stack()``.
    root = stage.node.root
    reference = root.__jsii_ref__.ref  # type: ignore[attr-defined]
    if reference not in _PLUGINS:
        _PLUGINS[reference] = _Immutable()
        Validations.of(root).add_plugins(_PLUGINS[reference])
    return _PLUGINS[reference], Path(stage.outdir)


@jsii.implements(IPolicyValidationPlugin)
class _Immutable:
    def __init__(self) -> None:
        self.checked: list[tuple[Path, CfnResource | Resource, str, Mapping[str, Any]]] = []
        self.named: dict[tuple[str, str], CfnResource] = {}

    @property
    def name(self) -> str:
        return "pump-roles"

    @property
    def version(self) -> str:
        return __version__

    @property
    def rule_ids(self) -> list[str]:
        from pump_roles.constructs.violations import RULES  # noqa: PLC0415

        return [*RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        from pump_roles.constructs.violations import not_checked  # noqa: PLC0415

        try:
            violations = list(self._violations(context))
        except Exception as error:  # noqa: BLE001 - CDK ignores a plugin that raises
            violations = [not_checked(error, self.checked[0][0])]
        return PolicyValidationPluginReport(success=not violations, violations=violations)

    def _violations(self, context: IPolicyValidationContext) -> Iterator[PolicyViolation]:
        # Imported here: an app that only defines its constructs does not need the reader.
        from pump_roles.constructs.violations import violation  # noqa: PLC0415
        from pump_roles.templates.synth_check import check_templates  # noqa: PLC0415

        paths = [Path(path) for path in context.template_paths]
        found = check_templates(list(self._expected()), paths)
        yield from (violation(*each) for each in found)

    def _expected(self) -> Iterator[ExpectedResource]:
        from pump_roles.templates.synth_check import ExpectedResource  # noqa: PLC0415

        # All in one call into the CDK.
        resolve = self.checked[0][1].stack.resolve
        logical_ids = resolve([logical_id for _, _, logical_id, _ in self.checked])
        for (file, resource, _, properties), logical_id in zip(
            self.checked, logical_ids, strict=True
        ):
            read = properties
            if "${Token[" in json.dumps(properties):
                read = dict.fromkeys(properties) | resource.stack.resolve(properties)
            yield ExpectedResource(resource, file, logical_id, read)


_PLUGINS: Final[dict[str, _Immutable]] = {}
"""The plugin of each app."""
