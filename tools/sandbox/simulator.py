"""Decides with an offline policy simulator who may assume a role, and what its session can do."""

import atexit
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from pump_roles.inputs import mapped
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment

ALLOWED: Final = "Allowed"
EXPLICITLY_DENIED: Final = "ExplicitlyDenied"
IMPLICITLY_DENIED: Final = "ImplicitlyDenied"

ALLOWS_ALL: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


@dataclass(frozen=True)
class Simulation:
    asked: Mapping[str, Any]
    documents: Mapping[int, Any]

    def under(self, context: Mapping[str, Any]) -> "Simulation":
        """Return the same with other condition keys, next to the ARN of the principal."""
        request = self.asked["request"]
        keys = {"aws:PrincipalArn": request["principal"], **context}
        return replace(self, asked={**self.asked, "request": {**request, "contextVariables": keys}})


Context = Mapping[str, str | list[str]]
"""The condition keys of a request. Those that can have several values have a list."""


@dataclass(frozen=True)
class Role:
    """A role as it is deployed."""

    name: str
    trust: Mapping[str, Any]
    policies: Mapping[str, Any]
    account: str = ACCOUNT_ID
    path: str = "/"

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    @classmethod
    def of_template(
        cls, template: Mapping[str, Any], parameters: Mapping[str, str] | None = None
    ) -> "Role":
        """Return the only role of a template, with values for the template's parameters."""
        (properties,) = (
            resource["Properties"]
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::IAM::Role"
        )
        return cls(
            properties["RoleName"],
            _resolved(properties["AssumeRolePolicyDocument"], parameters or {}),
            {
                policy["PolicyName"]: _resolved(policy["PolicyDocument"], {})
                for policy in properties["Policies"]
            },
        )

    @classmethod
    def of_account(cls, aws: EmbeddedAws, name: str) -> "Role":
        """Return a role of the default account by its name."""
        return cls.all_of_account(aws)[name]

    @classmethod
    def all_of_account(cls, aws: EmbeddedAws, account: str = ACCOUNT_ID) -> "dict[str, Role]":
        """Return every role of an account by its name."""
        roles: list[Any] = [*aws.roles(Caller(account))]
        return {
            role["RoleName"]: cls(
                role["RoleName"],
                _document(role["AssumeRolePolicyDocument"]),
                {
                    policy["PolicyName"]: _document(policy["PolicyDocument"])
                    for policy in role["RolePolicyList"]
                },
                account,
            )
            for role in roles
        }


def assumption(
    role: Role,
    *,
    caller: str,
    external_id: str | None,
    caller_policies: Mapping[str, Any] | None = None,
    action: str = "sts:AssumeRole",
    resource_control_policy: Mapping[str, Any] | None = None,
    context: Context | None = None,
) -> Simulation:
    """Return a caller's request to assume the role."""
    return _simulation(
        principal=caller,
        action=action,
        resource=role.arn,
        account=role.account,
        context={
            **({} if external_id is None else {"sts:ExternalId": external_id}),
            **(context or {}),
        },
        identity_policies={"All": ALLOWS_ALL} if caller_policies is None else caller_policies,
        resource_policy=role.trust,
        resource_control_policy=resource_control_policy,
    )


def use(
    role: Role,
    *,
    action: str,
    resource: str = "*",
    boundary: Mapping[str, Any] | None = None,
    service_control_policy: Mapping[str, Any] | None = None,
    context: Context | None = None,
) -> Simulation:
    """Return the request of the role's session to do something in the customer's account."""
    return _simulation(
        principal=role.arn,
        action=action,
        resource=resource,
        account=role.account,
        context={"aws:PrincipalArn": role.arn, **(context or {})},
        identity_policies=role.policies,
        boundary=boundary,
        service_control_policy=service_control_policy,
    )


def access(
    resource: str,
    policy: Mapping[str, Any] | None,
    *,
    caller: str,
    action: str,
    context: Context,
    caller_policies: Mapping[str, Any] | None = None,
) -> Simulation:
    """Return a caller's request to do something with a resource that may have a policy."""
    return _simulation(
        principal=caller,
        action=action,
        resource=resource,
        context=context,
        identity_policies=caller_policies or {},
        resource_policy=policy,
    )


def decide(simulations: Sequence[Simulation]) -> list[str]:
    process = _simulator()
    assert process.stdin
    assert process.stdout
    documents = {key: found for each in simulations for key, found in each.documents.items()}
    asked = [simulation.asked for simulation in simulations]
    process.stdin.write(f"{json.dumps({'documents': documents, 'simulations': asked})}\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    decisions: list[str] = answer["decisions"]
    return decisions


@cache
def _simulator() -> subprocess.Popen[str]:
    """Start the simulator. It answers until this process ends: to start takes half a second."""
    process = subprocess.Popen(
        ["node", str(ROOT / "tools" / "sandbox" / "simulate.mjs")],
        env=tool_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Without input, it ends.
    atexit.register(process.communicate)
    return process


def _simulation(
    *,
    principal: str,
    action: str,
    resource: str,
    account: str = ACCOUNT_ID,
    context: Context,
    identity_policies: Mapping[str, Any],
    resource_policy: Mapping[str, Any] | None = None,
    boundary: Mapping[str, Any] | None = None,
    service_control_policy: Mapping[str, Any] | None = None,
    resource_control_policy: Mapping[str, Any] | None = None,
) -> Simulation:
    documents: dict[int, Any] = {}

    def named(policies: Mapping[str, Any]) -> list[dict[str, Any]]:
        documents.update({id(document): document for document in policies.values()})
        return [{"name": name, "policy": id(document)} for name, document in policies.items()]

    own = {} if service_control_policy is None else {"own": service_control_policy}
    controls = named({"all": ALLOWS_ALL, **own})
    # The simulator adds AWS's own.
    of_resource = {} if resource_control_policy is None else {"own": resource_control_policy}
    asked = {
        "request": {
            "principal": principal,
            "action": action,
            "resource": {"resource": resource, "accountId": account},
            "contextVariables": context,
        },
        "identityPolicies": named(identity_policies),
        "serviceControlPolicies": [{"orgIdentifier": "r-root", "policies": controls}],
        "resourceControlPolicies": [{"orgIdentifier": "r-root", "policies": named(of_resource)}],
        **({} if resource_policy is None else {"resourcePolicy": resource_policy}),
        **({} if boundary is None else {"permissionBoundaryPolicies": named({"own": boundary})}),
    }
    return Simulation(asked, documents)


def _resolved(value: Any, parameters: Mapping[str, str]) -> Any:
    def resolved(part: Any) -> Any:
        if isinstance(part, dict) and part.keys() == {"Ref"}:
            return parameters[part["Ref"]]
        if isinstance(part, dict) and part.keys() == {"Fn::Sub"}:
            return part["Fn::Sub"].replace("${AWS::Partition}", "aws")
        return part

    return mapped(value, resolved)


def _document(document: Any) -> Any:
    return json.loads(document) if isinstance(document, str) else document
