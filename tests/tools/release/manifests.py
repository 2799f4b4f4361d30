"""Small manifests, made from policies and a catalog."""

from collections.abc import Iterable, Mapping
from typing import Any

from pump_roles.iam.patterns import covers
from tools.release.consistency import MARKS

Policies = Mapping[str, Iterable[tuple[str, str]]]
"""The patterns of policies, each with its resource, by the policy's name."""


def build(
    roles: Mapping[str, Policies], actions: Iterable[str], *, version: str = "0.1.0"
) -> dict[str, Any]:
    """Return the manifest of some roles whose catalog has some actions."""
    made = [_role(kind, policies, sorted(actions), version) for kind, policies in roles.items()]
    granted: dict[str, list[dict[str, str]]] = {}
    for role in made:
        for grant in role["patterns"]:
            by = {"role": role["kind"], "policy": grant["policy"], "pattern": grant["pattern"]}
            for name in grant["actions"]:
                if by not in granted.setdefault(name, []):
                    granted[name].append(by)
    return {
        "schema": 1,
        "version": version,
        "catalog": {"source": "catalog 1", "date": "2026-01-01"},
        "roles": made,
        "actions": [_action(name, granted[name]) for name in sorted(granted)],
    }


def _role(kind: str, policies: Policies, actions: list[str], version: str) -> dict[str, Any]:
    name = f"Pump{kind.title().replace('-', '')}"
    return {
        "kind": kind,
        "name": f"{name}Role",
        "description": "A role",
        "stack_name": name,
        "template": {"file": f"{name}-{version}.template.json", "sha256": "0" * 64},
        "parameters": [
            {
                "name": parameter,
                "description": "A parameter",
                "min_length": 2,
                "max_length": 1224,
                "pattern": "^[a-z]+$",
            }
            for parameter in ("PumpExternalID", "PumpIamRole")
        ],
        "trust": {
            "principal_parameters": ["PumpIamRole"],
            "external_id_parameters": ["PumpExternalID"],
            "external_id_operator": "StringEquals",
            "actions": ["sts:AssumeRole"],
        },
        "session_seconds": 3600,
        "policies": [
            {
                "name": policy,
                "document": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Action": [pattern], "Resource": resource, "Effect": "Allow"}
                        for pattern, resource in grants
                    ],
                },
            }
            for policy, grants in policies.items()
        ],
        "patterns": [
            {
                "policy": policy,
                "pattern": pattern,
                "resource": resource,
                "reason": "A reason.",
                "actions": [action for action in actions if covers(pattern, action)],
            }
            for policy, grants in policies.items()
            for pattern, resource in grants
        ],
    }


def _action(name: str, granted_by: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "service": name.partition(":")[0],
        "access_levels": ["Read"],
        "description": "Do something",
        "granted_by": granted_by,
        **dict.fromkeys(MARKS, False),
        "reasons": dict.fromkeys(MARKS),
    }
