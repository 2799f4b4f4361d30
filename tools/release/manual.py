"""The JSON files of ``docs/manual``: what ``docs/manual.md`` passes to the AWS CLI.

They are formatted as the AWS CLI prints JSON, so that ``diff`` can compare the two. Their ARNs are
in the partition ``aws``.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pump_roles import Guardrail, universal
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.inputs import mapped
from pump_roles.published import ROLES

PRINCIPAL: Final = "PRINCIPAL"
"""The placeholder for Pump's principal."""

EXTERNAL_ID: Final = "EXTERNAL_ID"
"""The placeholder for the external ID."""

_PLACEHOLDERS: Final = {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}


def _written(value: Any) -> bytes:
    return (json.dumps(mapped(value, _filled), indent=4, ensure_ascii=False) + "\n").encode()


def _filled(part: Any) -> Any:
    # IAM does not support intrinsic functions: a parameter becomes its placeholder.
    if isinstance(part, dict) and part.keys() == {"Ref"}:
        return _PLACEHOLDERS[part["Ref"]]
    if isinstance(part, dict) and part.keys() == {"Fn::Sub"}:
        return part["Fn::Sub"].replace("${AWS::Partition}", "aws")
    return part


def _trust_policy() -> bytes:
    # The same one in each template.
    (same,) = {
        _written(role["Properties"]["AssumeRolePolicyDocument"])
        for kind in ROLES
        for role in json.loads(universal.template(kind))["Resources"].values()
    }
    return same


FILES: Final[Mapping[str, Callable[[], bytes]]] = {
    "trust-policy.json": _trust_policy,
    **{
        f"{policy.name}.json": partial(_written, policy.document)
        for role in ROLES.values()
        for policy in role.policies
    },
    # A guardrail denies only what the role has, so each role has its own files.
    **{
        f"{role.name}-{guardrail.policy_name}.json": partial(_written, document)
        for role in ROLES.values()
        for guardrail, document in documents([Guardrail.RECOMMENDED], role).items()
    },
}
"""The function that makes each file, by name: the trust policy, each published policy, and each
recommended guardrail on each role."""
