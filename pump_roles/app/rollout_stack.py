"""A rollout in a stack of its own."""

from collections.abc import Mapping
from typing import Any

from constructs import Construct

from pump_roles.constructs.rollouts import Rollout
from pump_roles.constructs.stacks import FlatStack, provided_or_parameters
from pump_roles.universal import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER


class RolloutStack(FlatStack):
    """Contains only a rollout, with a parameter for a principal or external ID that is omitted."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rollout_class: type[Rollout],
        pump_principal: str | None = None,
        external_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        **arguments: Any,
    ) -> None:
        kind = rollout_class.role_class.published.kind
        super().__init__(
            scope,
            id,
            description=f"Deploys Pump's {kind} role to the accounts of this organization",
            tags=tags,
            termination_protection=termination_protection,
        )
        principal, required = provided_or_parameters(
            self, {PRINCIPAL_PARAMETER: pump_principal, EXTERNAL_ID_PARAMETER: external_id}
        )
        self.rollout = rollout_class(
            self, "Rollout", pump_principal=principal, external_id=required, **arguments
        )
        self.rollout.resource.override_logical_id("StackSet")
