"""Changes of one of Pump's roles, and what the readers of its template, and ``verify``, find.

One table, as ``tests/attacks.py`` is for everything else in an app.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.attacks import ADMINISTRATOR, MACRO, TRANSFORM, Found, as_set, template, write_app
from tests.support import PUMP_ACCOUNT, Template

__all__ = ["CHANGES", "Change"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the role itself, and what is found.

    :param properties: those that differ; ``None`` removes one.
    :param members: those of the resource.
    :param gate: the properties and members that the check at synth names.
    :param found: the differences from the role before.
    :param unknown: what of it is not known.
    :param finding: the kind of the report's finding; empty if there is none.
    :param guardrail: the role's guardrail; empty if it has none.
    :param stack_tags: the tags of the role's stack.
    """

    properties: Mapping[str, Any]
    members: Mapping[str, Any]
    gate: frozenset[str]
    found: frozenset[str]
    unknown: frozenset[str]
    finding: str
    guardrail: str
    stack_tags: Any

    def before(self) -> Template:
        """Return the template of the role before."""
        return template(self.guardrail)

    def written(self, folder: Path) -> Path:
        """Write the template of the changed role, and its manifest."""
        own = self.before()
        changed = own["Resources"]["AutoPilotRole"]
        properties = {**changed["Properties"], **self.properties}
        changed |= self.members
        changed["Properties"] = {
            name: value for name, value in properties.items() if value is not None
        }
        path, _ = write_app(folder, own, tags=self.stack_tags)
        return path


def _change(
    gate: Found,
    found: Found,
    finding: str = "",
    *,
    unknown: Found = (),
    members: Any = None,
    guardrail: str = "",
    stack_tags: Any = None,
    **properties: Any,
) -> Change:
    return Change(
        properties=properties,
        members=members or {},
        gate=as_set(gate),
        found=as_set(found),
        unknown=as_set(unknown),
        finding=finding,
        guardrail=guardrail,
        stack_tags=stack_tags,
    )


_PROPERTIES = template()["Resources"]["AutoPilotRole"]["Properties"]
_POLICIES = _PROPERTIES["Policies"]
(_STATEMENT,) = _PROPERTIES["AssumeRolePolicyDocument"]["Statement"]
_BROADER = "trust-policy broader"


def _trusting(**statement: Any) -> dict[str, Any]:
    changed = {**_STATEMENT, **statement}
    kept = {name: value for name, value in changed.items() if value is not None}
    return {"AssumeRolePolicyDocument": {"Statement": [kept]}}


def _tagged(gate: Found, found: Found, finding: str = "", **more: Any) -> Change:
    return _change(gate, found, finding, **{"guardrail": "only-when-approved", **more})


def _tags(key: Any, value: Any = "approved") -> list[dict[str, Any]]:
    return [{"Key": "team", "Value": IMPORTED}, {"Key": key, "Value": value}]


KEY, IMPORTED = "pump-commitments", {"Fn::ImportValue": "of-another-stack"}

CHANGES: Final[Mapping[str, Change]] = {
    "everyone": _change(
        "changed AssumeRolePolicyDocument", _BROADER, "trust", **_trusting(Principal="*")
    ),
    "another principal": _change(
        "changed AssumeRolePolicyDocument",
        _BROADER,
        "trust",
        **_trusting(Principal={"AWS": [PUMP_ACCOUNT, "111122223333"]}),
    ),
    "no external ID": _change(
        "changed AssumeRolePolicyDocument", _BROADER, "trust", **_trusting(Condition=None)
    ),
    "no policies": _change(
        "changed Policies",
        (
            "policies-together narrower",
            *(f"policy-removed narrower {each['PolicyName']}" for each in _POLICIES),
        ),
        "difference",
        Policies=None,
    ),
    "a policy twice": _change(
        "changed Policies",
        f"policy-added unclear {_POLICIES[0]['PolicyName']}",
        "difference",
        Policies=[*_POLICIES, _POLICIES[0]],
    ),
    "more actions": _change(
        "changed Policies",
        "policy-changed broader PumpReadOnly",
        "difference",
        Policies=json.loads(json.dumps(_POLICIES).replace('"ec2:Describe*"', '"ec2:*", "iam:*"')),
    ),
    "a macro in a policy": _change(
        "changed Policies",
        (),
        "difference",
        unknown=(MACRO, "inline-policies unreadable"),
        Policies=[{**_POLICIES[0], **TRANSFORM}],
    ),
    "a managed policy": _change(
        "changed ManagedPolicyArns",
        (),
        "difference",
        unknown=f"managed-policies not-counted {ADMINISTRATOR}",
        ManagedPolicyArns=[ADMINISTRATOR],
    ),
    "longer sessions": _change(
        "changed MaxSessionDuration",
        "session-duration broader",
        "difference",
        MaxSessionDuration=43_200,
    ),
    "another name": _change("changed RoleName", "role-name unclear", RoleName="Renamed"),
    "no name": _change("changed RoleName", (), RoleName=None),
    "another path": _change("changed Path", "role-path unclear", Path="/elsewhere/"),
    "a macro in its properties": _change(
        "changed Fn::Transform",
        (),
        "difference",
        unknown=(MACRO, "role property Fn::Transform"),
        **TRANSFORM,
    ),
    "a macro": _change(
        "changed Fn::Transform",
        (),
        "difference",
        unknown=(
            *(MACRO, "role member Fn::Transform"),
            "template resource-from-function AutoPilotRole",
        ),
        members=TRANSFORM,
    ),
    "connectors": _change(
        "changed Connectors",
        (),
        "difference",
        unknown=("role member Connectors", "managed-policies unreadable AutoPilotRole"),
        members={"Connectors": {}},
    ),
    "a condition": _change(
        (),
        (),
        "difference",
        unknown="role conditional",
        members={"Condition": "C", "DependsOn": "Other", "DeletionPolicy": "Retain"},
    ),
    "a boundary": _change(
        (), f"boundary-added narrower {ADMINISTRATOR}", PermissionsBoundary=ADMINISTRATOR
    ),
    "a tag that opens a guardrail": _tagged(
        "tagged Pump-Commitments",
        "tag-added broader Pump-Commitments",
        "opened",
        Tags=_tags("Pump-Commitments"),
    ),
    "a tag of the stack that opens a guardrail": _tagged(
        f"tagged {KEY}", f"tag-added broader {KEY}", "opened", stack_tags={KEY: "approved"}
    ),
    "a tag of the stack in another case": _tagged(
        f"tagged {KEY.upper()}",
        f"tag-added broader {KEY.upper()}",
        "opened",
        stack_tags={KEY.upper(): "approved"},
    ),
    "a tag whose value is not read": _tagged(
        f"tagged {KEY}",
        (),
        "difference",
        unknown=f"tags unreadable {KEY}",
        Tags=_tags(KEY, IMPORTED),
    ),
    "a tag that is not that of the stack": _tagged(
        f"tagged {KEY}",
        (),
        "difference",
        unknown=f"tags unreadable {KEY}",
        stack_tags={KEY: "x"},
        Tags=_tags(KEY, {"Ref": "P"}),
    ),
    "a tag of the stack that is no text": _tagged(
        f"tagged {KEY}", (), "difference", unknown=f"tags unreadable {KEY}", stack_tags={KEY: 1}
    ),
    "a tag whose key is not read": _tagged(
        "tagged", (), "difference", unknown="tags unreadable", Tags=_tags(IMPORTED)
    ),
    "tags that are not read": _tagged(
        "tagged", (), "difference", unknown="tags unreadable", Tags=IMPORTED
    ),
    "tags of the stack that are not read": _tagged(
        "tagged", (), "difference", unknown="tags unreadable", stack_tags=_tags(KEY)
    ),
    "a tag that opens nothing": _tagged((), (), Tags=_tags("pump-hands-off")),
    "a tag of the stack that opens nothing": _tagged(
        (), (), stack_tags={"team": "platform", "cost-center": None}
    ),
    "tags without a guardrail": _tagged((), (), guardrail="no-selling", Tags=_tags(IMPORTED)),
    "defaults": _change((), (), ManagedPolicyArns=[], MaxSessionDuration=3_600),
    "no access": _change((), (), Tags=[], Description="Pump reads what things cost"),
    "metadata": _change((), (), members={"Metadata": {"Owner": "platform"}}),
}
"""Changes of the role, some of which give no access."""
