"""An app with many roles, each in its own stack.

Run it as `python tools/bench/many.py KIND COUNT [POLICIES]`.

With POLICIES, the app also has that many managed policies of the customer.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk import aws_iam as iam

from pump_roles import AutoPilotRole, AutoPilotStack
from pump_roles.published import ROLES

PRINCIPAL: Final = "999988887777"
EXTERNAL_ID: Final = "Example-1234-5678"


def stack(app: App, name: str) -> None:
    """Add the whole stack, with its outputs and acknowledgments."""
    AutoPilotStack(app, name, pump_principal=PRINCIPAL, external_id=EXTERNAL_ID)


def construct(app: App, name: str) -> None:
    """Add the construct in a stack of the customer's own."""
    scope = Stack(app, name)
    AutoPilotRole(scope, "Role", pump_principal=PRINCIPAL, external_id=EXTERNAL_ID)


def bare(app: App, name: str) -> None:
    """Add a bare ``iam.Role`` with the same policies and trust, in such a stack."""
    iam.Role(
        Stack(app, name),
        "Role",
        role_name="PumpAutoPilotRole",
        assumed_by=iam.PrincipalWithConditions(
            iam.AccountPrincipal(PRINCIPAL), {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
        ),
        inline_policies={
            policy.name: iam.PolicyDocument.from_json(policy.document)
            for policy in ROLES["auto-pilot"].policies
        },
    )


def others(app: App, count: int) -> None:
    """Add managed policies, each attached to a role of the customer's own."""
    scope = Stack(app, "Others")
    for index in range(count):
        iam.ManagedPolicy(
            scope,
            f"Policy{index}",
            statements=[iam.PolicyStatement(actions=["s3:ListBucket"], resources=["*"])],
            roles=[iam.Role.from_role_name(scope, f"Role{index}", f"Mine{index}")],
        )


KINDS: Final[Mapping[str, Callable[[App, str], None]]] = {
    "stack": stack,
    "construct": construct,
    "bare": bare,
}

if __name__ == "__main__":
    kind, count, *policies = sys.argv[1:]
    app = App(default_stack_synthesizer=LegacyStackSynthesizer())
    for index in range(int(count)):
        KINDS[kind](app, f"Stack{index}")
    if policies:
        others(app, int(policies[0]))
    app.synth()
