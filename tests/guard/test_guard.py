"""The Guard rules enforce the promises in any template, with each engine, without false alarms."""

import json
import re
import runpy
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk
import guardpycfn
import jsii
import pytest
from aws_cdk import (
    Acknowledgment,
    App,
    CfnResource,
    CfnStackSet,
    CloudFormationValidatePlugin,
    IPolicyValidationContext,
    PolicyValidationStack,
    Stack,
    ValidationRuleSource,
    Validations,
)
from aws_cdk import aws_s3 as s3
from hypothesis import given, settings
from hypothesis import strategies as st

from pump_roles import Guardrail, ReadOnlyRole, guard, universal
from pump_roles.published import RESOURCE_REASONS, ROLES, Policy, PublishedRole
from tests.hostile import BEYOND, HARMLESS, HOSTILE, OVERRIDES
from tests.innocent import FOREIGN, INNOCENT
from tests.support import (
    DOCUMENTED,
    EVERYTHING,
    NO_VALUE,
    PUMP_ACCOUNT,
    ROLE_ARGUMENTS,
    SCENARIOS,
    STACKS,
    Assembly,
    Change,
    Template,
    a_statement,
    add_resources,
    another,
    attach,
    external_id,
    in_role,
    in_template,
    on_role,
    principal,
    synthesize,
)
from tools.release import guard as release_guard
from tools.sandbox.cdk import ROOT, recommended_flags

ID = "pump_role_requires_an_external_id"
PRINCIPALS = "pump_role_trusts_one_principal"
ALLOWS = "pump_role_allows_only_what_is_published"
POLICIES = "pump_role_has_no_other_policy"
SESSION = "pump_role_has_sessions_of_an_hour"
RULES = [ID, PRINCIPALS, ALLOWS, POLICIES, SESSION]

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
MESSAGE = "MaxSessionDuration is not 3600 seconds"
PUMP = f"arn:aws:iam::{PUMP_ACCOUNT}"


@cache
def evaluated(template: str, rules: str | None = None) -> tuple[Mapping[str, str], frozenset[str]]:
    """What guardpycfn says: PASS, FAIL, or SKIP by rule, and the messages of what failed."""
    # Not verbose, it cuts off a long answer.
    answer = guardpycfn.validate_with_guard(template, rules or guard.rules(), True)  # noqa: FBT003
    assert answer["success"], answer
    checks = [child["container"]["RuleCheck"] for child in answer["result"]["children"]]
    verdict = {check["name"]: check["status"] for check in checks}
    return verdict, frozenset(messages(answer["result"]))


def messages(tree: Any) -> set[str]:
    """The messages of all checks that failed."""
    if isinstance(tree, list):
        return set().union(*map(messages, tree))
    if not isinstance(tree, dict):
        return set()
    own = tree.get("custom_message") if tree.get("status") == "FAIL" else None
    return ({" ".join(own.split())} if own else set()).union(*map(messages, tree.values()))


def verdicts(template: Any, rules: str | None = None) -> Mapping[str, str]:
    """What guardpycfn says about a template: PASS, FAIL, or SKIP, by rule."""
    return evaluated(json.dumps(template), rules)[0]


def failed(template: Any, rules: str | None = None) -> set[str]:
    """The rules that a template breaks, by guardpycfn."""
    return {rule for rule, verdict in verdicts(template, rules).items() if verdict == "FAIL"}


@jsii.implements(IPolicyValidationContext)
class _Context:
    def __init__(self, files: Iterable[Path]) -> None:
        self._files = [str(file) for file in files]
        self._app = App()

    @property
    def app_construct(self) -> App:
        return self._app

    @property
    def template_paths(self) -> list[str]:
        return self._files

    @property
    def stack_templates(self) -> list[PolicyValidationStack]:
        return [
            PolicyValidationStack(stack_construct_path="Any", template_path=file)
            for file in self._files
        ]

    @property
    def account_id(self) -> None:
        return None

    @property
    def region(self) -> None:
        return None


@cache
def plugin(rules: str | None = None) -> CloudFormationValidatePlugin:
    source = ValidationRuleSource(name=guard.FILE, content=rules or guard.rules())
    return CloudFormationValidatePlugin(guard_rules=[source])


def failed_in_cdk(
    templates: Mapping[str, Any], folder: Path, rules: str | None = None
) -> dict[str, set[str]]:
    """The rules that templates break, by CDK's engine."""
    files = {name: folder / f"{number}.json" for number, name in enumerate(templates)}
    for name, file in files.items():
        file.write_text(json.dumps(templates[name]))
    report = plugin(rules).validate(_Context(files.values()))
    found: dict[str, set[str]] = {str(file): set() for file in files.values()}
    for violation in report.violations:
        for resource in violation.violating_resources:
            if violation.rule_name in RULES:
                assert violation.severity == "error"
                found[str(resource.template_path)].add(violation.rule_name)
    return {name: found[str(file)] for name, file in files.items()}


def statement(**members: Any) -> Change:
    """A change of the only statement of the trust policy."""
    return lambda _, role: role["AssumeRolePolicyDocument"]["Statement"][0].update(members)


def condition(value: Any) -> Change:
    return statement(Condition=value)


def trust(document: Any) -> Change:
    return in_role(AssumeRolePolicyDocument=document)


def further_trust(value: Any) -> Change:
    """A change that adds a statement to the trust policy."""
    return lambda _, role: role["AssumeRolePolicyDocument"]["Statement"].append(value)


def parameter(name: str, **members: Any) -> Change:
    return lambda template, _: template["Parameters"][name].update(members)


def in_policy(**members: Any) -> Change:
    """A change of the first inline policy."""
    return lambda _, role: role["Policies"][0].update(members)


def in_document(**members: Any) -> Change:
    """A change of the document of the first inline policy."""
    return lambda _, role: role["Policies"][0]["PolicyDocument"].update(members)


def in_allow(**members: Any) -> Change:
    """A change of the statement of the first inline policy."""
    return lambda _, role: role["Policies"][0]["PolicyDocument"]["Statement"][0].update(members)


def not_there(*path: str | int) -> Change:
    """A change that removes something of the role's properties."""

    def change(_: Template, role: dict[str, Any]) -> None:
        at: Any = role
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


def both(*changes: Change) -> Change:
    def change(template: Template, role: dict[str, Any]) -> None:
        for one in changes:
            one(template, role)

    return change


def attached(kind: str, target: Any) -> Change:
    """A change that adds a policy, and a role that is not Pump's."""
    return both(attach(kind, target), add_resources(Own=OWN_ROLE))


OWN_ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": "Own",
        "AssumeRolePolicyDocument": {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        },
        "Policies": [{"PolicyName": "Everything", "PolicyDocument": EVERYTHING}],
        "ManagedPolicyArns": [ADMINISTRATOR],
        "MaxSessionDuration": 43_200,
    },
}
KEY = "sts:ExternalId"
REF = {"Ref": "PumpExternalID"}
A_DENY = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
AN_ALLOW = {
    "Effect": "Allow",
    "Principal": {"AWS": f"{PUMP}:root"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {KEY: "Example-1234"}},
}


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "ce:Get*", "Resource": "*", **members}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusts(value: Any) -> Change:
    """A change of the principal, and of the external ID to a literal."""
    return both(principal(value), external_id("Example-1234"))


PASSING: dict[str, dict[str, Change]] = {
    ID: {
        "a literal": external_id("Example-1234"),
        "a parameter": external_id(REF),
        "two while rotating": external_id(["Example-1234", REF]),
        "the key in another case": condition({"StringEquals": {"sts:externalid": REF}}),
        "a default that is one": parameter("PumpExternalID", Default="Example-1234"),
    },
    PRINCIPALS: {
        "an account": trusts({"AWS": PUMP_ACCOUNT}),
        "an account root": trusts({"AWS": f"{PUMP}:root"}),
        "a role": trusts({"AWS": f"{PUMP}:role/service/PumpService"}),
        "a role in another partition": trusts({"AWS": "arn:aws-us-gov:iam::999988887777:root"}),
        "a parameter with a default": trusts({"AWS": {"Ref": "Fine"}}),
        "a statement with a name": statement(Sid="Pump"),
        "a document with a name": lambda _, role: role["AssumeRolePolicyDocument"].update(Id="P"),
        "a list of the one action": statement(Action=["sts:AssumeRole"]),
    },
    ALLOWS: {
        "fewer resources": in_allow(Resource="arn:aws:x:::one"),
        "a condition": in_allow(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        "a published action by itself": in_allow(Action="ce:Get*"),
        "a published action in another policy": another(document(allow())),
        "a deny": another(document({"Effect": "Deny", "Action": "*", "Resource": "*"})),
        "a deny of all but some": another(
            document({"Effect": "Deny", "NotAction": ["ce:*"], "NotResource": "arn:aws:x:::one"})
        ),
        "a statement with a name": in_allow(Sid="Pump"),
        "a document with a name": in_document(Id="Pump"),
        "a policy with a name by a function": in_policy(PolicyName={"Fn::Sub": "Pump"}),
    },
    POLICIES: {
        "a boundary": in_role(PermissionsBoundary=ADMINISTRATOR),
        "no managed policies": in_role(ManagedPolicyArns=[]),
        "a policy of another role": attached("Policy", [{"Ref": "Own"}, "Other"]),
        "a managed policy of another role": attached("ManagedPolicy", [{"Ref": "Own"}]),
        "a single policy of another role": attached("RolePolicy", {"Ref": "Own"}),
        "a policy of another role by name": attached("RolePolicy", "PumpReadOnlyRoleOfOurs"),
        "a policy of nobody's": add_resources(
            Other={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": EVERYTHING}}
        ),
        "a policy of a user": add_resources(
            Other={
                "Type": "AWS::IAM::Policy",
                "Properties": {"Users": ["PumpAutoPilotRole"], "PolicyDocument": EVERYTHING},
            }
        ),
    },
    SESSION: {
        "none": in_role(),
        "an hour": in_role(MaxSessionDuration=3_600),
        "an hour as text": in_role(MaxSessionDuration="3600"),
    },
}
"""Changes of the auto-pilot role's template that break no rule, by the rule that they are near."""

TRANSFORM = {"Fn::Transform": {"Name": "Attach"}}
TRANSFORMED: dict[str, dict[str, Any]] = {
    "resource": TRANSFORM,
    "properties": {"Properties": TRANSFORM},
}

FAILING: dict[str, dict[str, Change]] = {
    ID: {
        "no condition": not_there("AssumeRolePolicyDocument", "Statement", 0, "Condition"),
        "an empty condition": condition({}),
        "a condition of nothing": condition({"StringEquals": {}}),
        "no value": condition(NO_VALUE),
        "another operator": condition({"StringLike": {KEY: "Example-1234"}}),
        "a wildcard": condition({"StringLike": {KEY: "*"}}),
        "if it exists": condition({"StringEqualsIfExists": {KEY: "Example-1234"}}),
        "any value": condition({"ForAnyValue:StringEquals": {KEY: "Example-1234"}}),
        "all values": condition({"ForAllValues:StringEquals": {KEY: "Example-1234"}}),
        "ignoring case": condition({"StringEqualsIgnoreCase": {KEY: "Example-1234"}}),
        "the operator in another case": condition({"stringequals": {KEY: "Example-1234"}}),
        "not null": condition({"Null": {KEY: "false"}}),
        "not equal": condition({"StringNotEquals": {KEY: "Example-1234"}}),
        "another operator, too": condition({"StringEquals": {KEY: "ab"}, "Null": {KEY: "false"}}),
        "another key": condition({"StringEquals": {"aws:PrincipalAccount": PUMP_ACCOUNT}}),
        "another key, too": condition({"StringEquals": {KEY: "ab", "aws:PrincipalAccount": "1"}}),
        "a key with a space": condition({"StringEquals": {"sts:ExternalId ": "Example-1234"}}),
        "by a function": condition({"Fn::If": ["C", {"StringEquals": {KEY: "ab"}}, NO_VALUE]}),
        "a list of conditions": condition([{"StringEquals": {KEY: "Example-1234"}}]),
        "a text": condition("StringEquals"),
        "true": condition(value=True),
        "keys by a function": condition({"StringEquals": {"Fn::If": ["C", {KEY: "ab"}, {}]}}),
        "a list of keys": condition({"StringEquals": [{KEY: "Example-1234"}]}),
        "no external IDs": external_id([]),
        "three external IDs": external_id(["Example-1", "Example-2", "Example-3"]),
        "a list in a list": external_id([["Example-1234"]]),
        "an external ID of one character": external_id("a"),
        "an empty external ID": external_id(""),
        "an external ID of too many characters": external_id("a" * 1_225),
        "an external ID with a line break": external_id("Example-1234\n"),
        "an external ID with a wildcard": external_id("Example-*"),
        "a policy variable": external_id("${aws:PrincipalTag/id}"),
        "a dynamic reference": external_id("{{resolve:ssm:/pump/external-id}}"),
        "a number": external_id(1_234),
        "null": external_id(None),
        "an external ID that may not be there": external_id({"Fn::If": ["C", "ab", NO_VALUE]}),
        "an external ID by substitution": external_id({"Fn::Sub": "Example-1234"}),
        "a part by substitution": external_id(["Example-1234", {"Fn::Sub": "Example-1234"}]),
        "an external ID of no value": external_id(NO_VALUE),
        "a pseudo parameter": external_id({"Ref": "AWS::AccountId"}),
        "a parameter that is not there": external_id({"Ref": "Another"}),
        "a reference to a number": external_id({"Ref": 1}),
        "a reference to a list": external_id({"Ref": ["PumpExternalID"]}),
        "a reference to null": external_id({"Ref": None}),
        "a reference to a reference": external_id({"Ref": REF}),
        "a resource": external_id({"Ref": "AutoPilotRole"}),
        "the parameter of the principal": external_id({"Ref": "PumpIamRole"}),
        "a parameter without a pattern": both(
            trusts({"AWS": PUMP_ACCOUNT}),
            in_template(Parameters={"Id": {"Type": "String"}}),
            external_id({"Ref": "Id"}),
        ),
        "a parameter with a loose pattern": parameter("PumpExternalID", AllowedPattern=".*"),
        "a parameter with a bad default": parameter("PumpExternalID", Default="*"),
        "a default that ends well": parameter("PumpExternalID", Default="*Example-1234"),
        "a default that begins well": parameter("PumpExternalID", Default="Example-1234*"),
        "a list as parameter": parameter("PumpExternalID", Type="CommaDelimitedList"),
        "a parameter of Systems Manager": parameter(
            "PumpExternalID", Type="AWS::SSM::Parameter::Value<String>"
        ),
    },
    PRINCIPALS: {
        "everybody": trusts("*"),
        "every account": trusts({"AWS": "*"}),
        "a role of any name": trusts({"AWS": f"{PUMP}:role/*"}),
        "more than an account": trusts({"AWS": f"1{PUMP_ACCOUNT}"}),
        "a default that ends well": both(
            trusts({"AWS": {"Ref": "Fine"}}), parameter("Fine", Default=f"*{PUMP_ACCOUNT}")
        ),
        "a default that begins well": both(
            trusts({"AWS": {"Ref": "Fine"}}), parameter("Fine", Default=f"{PUMP_ACCOUNT}*")
        ),
        "a user": trusts({"AWS": f"{PUMP}:user/Somebody"}),
        "a session": trusts({"AWS": "arn:aws:sts::999988887777:assumed-role/Pump/session"}),
        "an ID of an entity": trusts({"AWS": "AROAEXAMPLEEXAMPLE"}),
        "a list of one": trusts({"AWS": [PUMP_ACCOUNT]}),
        "a list": trusts({"AWS": [PUMP_ACCOUNT, "111122223333"]}),
        "an empty list": trusts({"AWS": []}),
        "nobody": trusts({}),
        "a service": trusts({"Service": "ec2.amazonaws.com"}),
        "a service, too": trusts({"AWS": PUMP_ACCOUNT, "Service": "ec2.amazonaws.com"}),
        "a federation": trusts({"Federated": "cognito-identity.amazonaws.com"}),
        "a canonical user": trusts({"CanonicalUser": "79a5"}),
        "an account with a line break": trusts({"AWS": f"{PUMP_ACCOUNT}\n"}),
        "a number": trusts({"AWS": 999988887777}),
        "null": trusts({"AWS": None}),
        "nothing": trusts(None),
        "no principal": not_there("AssumeRolePolicyDocument", "Statement", 0, "Principal"),
        "all but one": both(
            not_there("AssumeRolePolicyDocument", "Statement", 0, "Principal"),
            statement(NotPrincipal={"AWS": PUMP_ACCOUNT}),
        ),
        "all but one, too": statement(NotPrincipal={"AWS": "111122223333"}),
        "by substitution": trusts({"AWS": {"Fn::Sub": f"{PUMP}:root"}}),
        "by a condition": trusts({"Fn::If": ["C", {"AWS": PUMP_ACCOUNT}, {"AWS": "*"}]}),
        "the own account": trusts({"AWS": {"Ref": "AWS::AccountId"}}),
        "a parameter that everybody fits": trusts({"AWS": {"Ref": "Everybody"}}),
        "a parameter with a loose pattern": trusts({"AWS": {"Ref": "Loose"}}),
        "a parameter with a bad default": trusts({"AWS": {"Ref": "Default"}}),
        "a list as parameter": trusts({"AWS": {"Ref": "List"}}),
        "a parameter that is not there": trusts({"AWS": {"Ref": "Another"}}),
        "a reference to a number": statement(Principal={"AWS": {"Ref": 1}}),
        "a reference to a list": statement(Principal={"AWS": {"Ref": ["PumpIamRole"]}}),
        "the parameter of the external ID": statement(Principal={"AWS": REF}),
        "any action": statement(Action="*"),
        "any action of STS": statement(Action="sts:*"),
        "session tags, too": statement(Action=["sts:AssumeRole", "sts:TagSession"]),
        "another action": statement(Action="sts:AssumeRoleWithWebIdentity"),
        "an action in another case": statement(Action="STS:assumerole"),
        "no action": not_there("AssumeRolePolicyDocument", "Statement", 0, "Action"),
        "an empty list of actions": statement(Action=[]),
        "all but an action": both(
            not_there("AssumeRolePolicyDocument", "Statement", 0, "Action"),
            statement(NotAction="sts:TagSession"),
        ),
        "actions by a function": statement(Action={"Fn::Sub": "sts:AssumeRole"}),
        "a deny": statement(Effect="Deny"),
        "an empty list of effects": statement(Effect=[]),
        "an effect by a function": statement(Effect={"Fn::If": ["C", "Allow", "Deny"]}),
        "no effect": not_there("AssumeRolePolicyDocument", "Statement", 0, "Effect"),
        "another statement": further_trust(AN_ALLOW),
        "a transform of the statement": statement(**{"Fn::Transform": {"Name": "Widen"}}),
        "a transform of the document": lambda _, role: role["AssumeRolePolicyDocument"].update(
            {"Fn::Transform": {"Name": "Widen"}}
        ),
    },
    ALLOWS: {
        "everything": in_allow(Action="*"),
        "one action more": in_allow(Action=["ce:Get*", "s3:GetObject"]),
        "a wider pattern": in_allow(Action=["ec2:*"]),
        "a pattern with another wildcard": in_allow(Action=["ce:Get?*"]),
        "a pattern in another case": in_allow(Action=["CE:GET*"]),
        "one statement more": a_statement(allow(Action="iam:*")),
        "one policy more": another(document(allow(Action="s3:*"))),
        "a policy that is not a list of statements": another(EVERYTHING),
        "no action": in_allow(Action=NO_VALUE),
        "an empty list of actions": in_allow(Action=[]),
        "all but an action": a_statement(
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
        ),
        "all but an action, too": in_allow(NotAction="iam:*"),
        "all but a resource": both(
            not_there("Policies", 0, "PolicyDocument", "Statement", 0, "Resource"),
            in_allow(NotResource="arn:aws:x:::one"),
        ),
        "an action by substitution": in_allow(Action=[{"Fn::Sub": "ce:Get*"}]),
        "actions by a function": in_allow(Action={"Fn::Split": [",", "ce:Get*,ce:List*"]}),
        "actions by a condition": in_allow(Action={"Fn::If": ["C", "ce:Get*", "*"]}),
        "actions of a parameter": in_allow(Action={"Ref": "PumpExternalID"}),
        "an action that is a number": in_allow(Action=["ce:Get*", 1]),
        "an effect by a function": in_allow(Effect={"Fn::If": ["C", "Allow", "Deny"]}),
        "an effect in another case": in_allow(Effect="allow"),
        "a list of effects": in_allow(Effect=["Deny", "Allow"], Action="*"),
        "an empty list of effects": in_allow(Effect=[], Action="*"),
        "a deny by a function": a_statement(
            {"Effect": {"Fn::Sub": "Deny"}, "Action": "*", "Resource": "*"}
        ),
        "no effect": not_there("Policies", 0, "PolicyDocument", "Statement", 0, "Effect"),
        "a statement by a function": a_statement({"Fn::If": ["C", allow(), allow(Action="*")]}),
        "a statement that is a text": a_statement("Allow"),
        "a list of statements in a list": a_statement([allow(Action="*")]),
        "a statement with a transform": in_allow(**{"Fn::Transform": {"Name": "Widen"}}),
        "a deny with a transform": a_statement(
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Fn::Transform": {"Name": "Widen"},
            }
        ),
        "an action in another case of its name": in_allow(action="*"),
        "statements by a function": in_document(Statement={"Fn::If": ["C", [allow()], []]}),
        "a single statement": in_document(Statement=allow()),
        "no statements": in_document(Statement=[]),
        "a document with a transform": in_document(**{"Fn::Transform": {"Name": "Widen"}}),
        "a document by a function": in_policy(PolicyDocument={"Fn::If": ["C", {}, {}]}),
        "a document as text": in_policy(PolicyDocument=json.dumps(EVERYTHING)),
        "no document": not_there("Policies", 0, "PolicyDocument"),
        "a policy with a transform": in_policy(**{"Fn::Transform": {"Name": "Widen"}}),
        "a policy that may not be there": lambda _, role: role["Policies"].append(
            {"Fn::If": ["C", {"PolicyName": "P", "PolicyDocument": EVERYTHING}, NO_VALUE]}
        ),
        "policies by a function": in_role(Policies={"Fn::If": ["C", [], []]}),
        "policies of no value": in_role(Policies=NO_VALUE),
        "policies that are a text": in_role(Policies="PumpReadOnly"),
        "a transform of the properties": in_role(**{"Fn::Transform": {"Name": "Widen"}}),
        "a transform of the resource": on_role(**{"Fn::Transform": {"Name": "Widen"}}),
    },
    POLICIES: {
        "a managed policy": in_role(ManagedPolicyArns=[ADMINISTRATOR]),
        "a managed policy by a reference": in_role(ManagedPolicyArns=[{"Ref": "Own"}]),
        "a managed policy that may be there": in_role(
            ManagedPolicyArns=[{"Fn::If": ["C", ADMINISTRATOR, NO_VALUE]}]
        ),
        "managed policies by a function": in_role(
            ManagedPolicyArns={"Fn::If": ["C", [ADMINISTRATOR], []]}
        ),
        "managed policies of a parameter": in_role(ManagedPolicyArns={"Ref": "Arns"}),
        "no value": in_role(ManagedPolicyArns=NO_VALUE),
        "a managed policy that is no list": in_role(ManagedPolicyArns=ADMINISTRATOR),
        **{
            f"{kind}, {name}": attached(kind, target)
            for kind in ("Policy", "ManagedPolicy", "RolePolicy")
            for name, one in {
                "by reference": {"Ref": "AutoPilotRole"},
                "by substitution": {"Fn::Sub": "${AutoPilotRole}"},
                "by name and substitution": {"Fn::Sub": "Pump${X}Role"},
                "by a join": {"Fn::Join": ["", ["Pump", "AutoPilotRole"]]},
                "by a condition": {"Fn::If": ["C", {"Ref": "AutoPilotRole"}, "Other"]},
                "by a parameter": {"Ref": "PumpExternalID"},
                "by a split of the ARN": {
                    "Fn::Select": [
                        1,
                        {"Fn::Split": ["/", {"Fn::GetAtt": ["AutoPilotRole", "Arn"]}]},
                    ]
                },
                "by a reference to a list": {"Ref": ["Own"]},
                "by a number": 1,
                "by null": None,
                "by an import": {"Fn::ImportValue": "Role"},
            }.items()
            for target in [one if kind == "RolePolicy" else [{"Ref": "Own"}, one]]
        },
        **{
            f"{kind}, with a transform of the {what}": add_resources(
                Other={"Type": f"AWS::IAM::{kind}", **more}
            )
            for kind in ("Policy", "ManagedPolicy", "RolePolicy")
            for what, more in TRANSFORMED.items()
        },
        "targets that are null": attached("Policy", None),
        "targets by a function": attached("Policy", {"Fn::Split": [",", "Own,Other"]}),
        "targets of a parameter": attached("Policy", {"Ref": "Names"}),
        "a target that is no list": attached("ManagedPolicy", "Own"),
    },
    SESSION: {
        "twelve hours": in_role(MaxSessionDuration=43_200),
        "a second more": in_role(MaxSessionDuration=3_601),
        "a text": in_role(MaxSessionDuration="43200"),
        "a parameter": in_role(MaxSessionDuration={"Ref": "Seconds"}),
        "a condition": in_role(MaxSessionDuration={"Fn::If": ["C", 3_600, 43_200]}),
        "null": in_role(MaxSessionDuration=None),
        "a list": in_role(MaxSessionDuration=[43_200]),
    },
}
"""Changes of the auto-pilot role's template that break one rule, by that rule."""

FAILING_BOTH: dict[str, Change] = {
    "everything trusted": trust({"Statement": [{"Effect": "Allow", "Principal": "*"}]}),
    "another statement without an external ID": further_trust({**AN_ALLOW, "Condition": {}}),
    "a deny": further_trust(A_DENY),
    "a single statement": trust({"Statement": AN_ALLOW}),
    "no statements": trust({"Statement": []}),
    "statements by a function": trust({"Statement": {"Fn::If": ["C", [AN_ALLOW], []]}}),
    "a statement by a function": trust({"Statement": [{"Fn::If": ["C", AN_ALLOW, NO_VALUE]}]}),
    "a statement that is a text": trust({"Statement": ["Allow"]}),
    "a document by a function": trust({"Fn::If": ["C", {"Statement": [AN_ALLOW]}, NO_VALUE]}),
    "a document as text": trust(json.dumps({"Statement": [AN_ALLOW]})),
    "no document": not_there("AssumeRolePolicyDocument"),
    "no parameters": lambda template, _: template.pop("Parameters"),
}
"""Changes that leave the trust policy without an external ID, and without one principal."""

NAMED: dict[str, Change] = {
    "a policy by the published name": both(
        in_role(RoleName="Renamed"), attach("RolePolicy", "PumpReadOnlyRole")
    ),
    "a policy by the published name in another case": attach("Policy", ["pumpautopilotrole"]),
    "a policy by another name": both(
        in_role(RoleName="Renamed"), attach("Policy", ["Other", "Renamed"])
    ),
    "a policy by another name in another case": both(
        in_role(RoleName="Renamed"), attach("ManagedPolicy", ["RENAMED"])
    ),
    "a policy by name, next to a name by a function": both(
        in_role(RoleName={"Fn::Join": ["", ["Ren", "amed"]]}), attach("Policy", ["Renamed"])
    ),
    "a single policy by name, next to a name by substitution": both(
        in_role(RoleName={"Fn::Sub": "Renamed"}), attach("RolePolicy", "Renamed")
    ),
}
"""Changes that attach a policy by the role's name."""


def changed(change: Change, kind: str = "auto-pilot") -> Template:
    """A role's universal template after a change."""
    template: Template = json.loads(universal.template(kind))
    (role,) = template["Resources"].values()
    change(template, role["Properties"])
    return template


def rolled_out(template: Template) -> Template:
    """A template with a StackSet that has a template."""
    properties = {"StackSetName": "Any", "TemplateBody": json.dumps(template)}
    return {
        "Resources": {
            "Rollout": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}
        }
    }


def cases(listed: Mapping[str, Mapping[str, Change]]) -> list[Any]:
    return [
        pytest.param(change, rule, id=f"{rule}: {name}")
        for rule, changes in listed.items()
        for name, change in changes.items()
    ]


@pytest.mark.parametrize(("change", "rule"), cases(FAILING))
def test_a_template_that_breaks_a_rule_fails_that_rule_and_no_other(
    change: Change, rule: str
) -> None:
    template = changed(change)
    assert failed(template) == {rule}
    assert failed(rolled_out(template)) == {rule}


@pytest.mark.parametrize(("change", "rule"), cases(PASSING))
def test_a_template_that_keeps_the_promises_passes(change: Change, rule: str) -> None:
    template = changed(change)
    assert verdicts(template) == dict.fromkeys(RULES, "PASS")
    assert verdicts(rolled_out(template)) == dict.fromkeys(RULES, "PASS")
    assert rule in RULES


@pytest.mark.parametrize("change", FAILING_BOTH.values(), ids=FAILING_BOTH)
def test_a_trust_policy_that_cannot_be_read_fails_both_rules_about_it(change: Change) -> None:
    assert failed(changed(change)) == {ID, PRINCIPALS}
    assert failed(rolled_out(changed(change))) == {ID, PRINCIPALS}


@pytest.mark.parametrize("change", NAMED.values(), ids=NAMED)
def test_a_policy_that_attaches_by_the_name_of_a_role_fails(change: Change) -> None:
    assert failed(changed(change)) == {POLICIES}


@pytest.mark.parametrize("kind", ROLES)
def test_universal_templates_pass(kind: str) -> None:
    assert verdicts(json.loads(universal.template(kind))) == dict.fromkeys(RULES, "PASS")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_the_app_synthesizes_passes(scenario: str, assembly: Assembly) -> None:
    files = list(assembly(SCENARIOS[scenario]).glob("*.template.json"))
    assert files
    for file in files:
        assert verdicts(json.loads(file.read_text())) == dict.fromkeys(RULES, "PASS")


def test_every_guardrail_passes(tmp_path: Path) -> None:
    guardrails = [
        Guardrail.until("2927-01-31T18:00:00Z"),
        Guardrail.only_in_regions("us-east-1"),
        Guardrail.NEEDED_ONLY,
    ]
    folder = synthesize(tmp_path, *guardrails)
    template = json.loads((folder / "PumpAutoPilot.template.json").read_text())
    (role,) = template["Resources"].values()
    assert len(role["Properties"]["Policies"]) == len(ROLES["auto-pilot"].policies) + len(
        guardrails
    )
    assert failed(template) == set()


@pytest.mark.parametrize("kind", ROLES)
def test_the_read_only_role_may_allow_only_its_own_actions(kind: str) -> None:
    """Under the policy names of the auto-pilot role, the read-only role may not allow more."""
    more = [policy for policy in ROLES["auto-pilot"].policies if policy not in ROLES[kind].policies]

    def widen(_: Template, role: dict[str, Any]) -> None:
        role["Policies"] += [
            {"PolicyName": policy.name, "PolicyDocument": policy.document} for policy in more
        ]

    assert failed(changed(widen, kind)) == ({ALLOWS} if more else set())
    _, lists = DOCUMENTED[kind]
    assert len(more) == (0 if 1 in lists else 3)


@pytest.mark.parametrize(
    "properties",
    [
        {"RoleName": "pumpreadonlyrole"},
        {"RoleName": {"Fn::Sub": "PumpReadOnlyRole"}},
        {"RoleName": "Renamed", "Description": ROLES["read-only"].description},
    ],
)
def test_the_auto_pilot_role_cannot_pass_as_the_read_only_role(properties: dict[str, Any]) -> None:
    assert failed(changed(in_role(**properties))) == {ALLOWS}


@pytest.mark.parametrize("name", ["OurPumpReadOnlyRole", "PumpReadOnlyRoleOfOurs"])
def test_a_name_like_the_read_only_roles_is_another_name(name: str) -> None:
    assert failed(changed(in_role(RoleName=name))) == set()


@pytest.mark.parametrize("kind", ["Policy", "ManagedPolicy", "RolePolicy"])
@pytest.mark.parametrize(
    "name", ["PumpReadOnlyRole", "pumpautopilotrole", {"Fn::Sub": "PumpAutoPilotRole"}]
)
def test_what_another_template_attaches_by_a_published_name_fails(kind: str, name: Any) -> None:
    template: Template = {"Resources": {}}
    attach(kind, name if kind == "RolePolicy" else ["Other", name])(template, {})
    assert failed(template) == {POLICIES}
    attach(kind, "Other" if kind == "RolePolicy" else ["Other"])(template, {})
    assert failed(template) == set()


RECOGNIZED: dict[str, Change] = {
    "by its name": lambda _, role: role.update(Policies=[], Description=""),
    "by its name in another case": in_role(RoleName="PUMPAUTOPILOTROLE", Description=""),
    "by its name by substitution": lambda _, role: role.update(
        Policies=[], Description="", RoleName={"Fn::Sub": "PumpAutoPilotRole"}
    ),
    "by a policy": in_role(RoleName="Renamed", Description=""),
    "by its description": lambda _, role: role.update(Policies=[], RoleName="Renamed"),
    "without a name": lambda _, role: role.pop("RoleName"),
    "by a name that cannot be read": in_role(RoleName={"Fn::Sub": "${AWS::Region}"}),
}


@pytest.mark.parametrize("change", RECOGNIZED.values(), ids=RECOGNIZED)
def test_a_role_of_pumps_is_recognized(change: Change) -> None:
    assert failed(changed(both(principal({"AWS": PUMP_ACCOUNT}), change))) == {ID}
    literal = both(principal({"AWS": PUMP_ACCOUNT}), external_id("Example-1234"), change)
    assert failed(changed(literal)) == set()
    assert failed(changed(both(literal, in_role(MaxSessionDuration=7_200)))) == {SESSION}


UNMARKED = in_role(RoleName="Renamed", Description="", Policies=[], MaxSessionDuration=7_200)


BY_SUBSTITUTION = {"Fn::Sub": "arn:aws:iam::${PumpIamRole}:root"}
TRUSTING: dict[str, Change] = {
    "by reference": statement(Principal={"AWS": {"Ref": "PumpIamRole"}}),
    "by reference, among others": statement(Principal={"AWS": ["1" * 12, {"Ref": "PumpIamRole"}]}),
    "by substitution": statement(Principal={"AWS": BY_SUBSTITUTION}),
    "by substitution, among others": statement(Principal={"AWS": ["1" * 12, BY_SUBSTITUTION]}),
}


@pytest.mark.parametrize("how", TRUSTING)
def test_a_role_that_trusts_the_parameter_of_the_links_is_recognized(how: str) -> None:
    template = changed(both(UNMARKED, TRUSTING[how]))
    expected = {SESSION} if how == "by reference" else {SESSION, PRINCIPALS}
    assert failed(template) == expected
    assert failed(rolled_out(template)) == expected


PURCHASES = document(allow(Action="savingsplans:*"))


@pytest.mark.parametrize("change_case", [str, str.upper])
@pytest.mark.parametrize("policy", [policy.name for policy in ROLES["auto-pilot"].policies])
def test_a_role_is_recognized_by_any_single_policy(
    policy: str, change_case: Callable[[str], str]
) -> None:
    inline = {"PolicyName": change_case(policy), "PolicyDocument": PURCHASES}
    literal = both(principal({"AWS": PUMP_ACCOUNT}), external_id("Example-1234"))
    read_only = policy in [policy.name for policy in ROLES["read-only"].policies]
    assert failed(changed(both(UNMARKED, literal, in_role(Policies=[inline])))) == (
        {SESSION, ALLOWS} if read_only else {SESSION}
    )


@pytest.mark.parametrize("name", ["Our{}", "{}OfOurs"])
@pytest.mark.parametrize("policy", [policy.name for policy in ROLES["auto-pilot"].policies])
def test_a_name_like_a_policys_does_not_make_an_auto_pilot_role(policy: str, name: str) -> None:
    inline = {"PolicyName": name.format(policy), "PolicyDocument": PURCHASES}
    template = changed(lambda _, role: role["Policies"].append(inline), "read-only")
    template["Resources"]["ReadOnlyRole"]["Properties"] |= {"RoleName": "X", "Description": ""}
    assert failed(template) == {ALLOWS}


def as_another_type(template: Template) -> Template:
    """A template whose StackSet is a resource of another type."""
    template["Resources"]["Rollout"]["Type"] = "Custom::Rollout"
    return template


@pytest.mark.parametrize(
    "mark",
    [
        *(policy.name for policy in ROLES["auto-pilot"].policies),
        *(role.name.upper() for role in ROLES.values()),
        *(role.description for role in ROLES.values()),
        "PumpIamRole",
    ],
)
def test_only_the_templates_of_stacksets_that_have_a_mark_are_parsed(mark: str) -> None:
    def parsed(template: Template) -> bool:
        answer = guardpycfn.validate_with_guard(json.dumps(template), guard.rules())
        return not answer["success"]

    def with_body(body: str) -> Template:
        template = rolled_out({})
        template["Resources"]["Rollout"]["Properties"]["TemplateBody"] = body
        return template

    assert parsed(with_body("{" + mark))
    assert not parsed(with_body("{Pump" + mark[5:]))
    assert not parsed(as_another_type(with_body("{" + mark)))


def in_a_loop(template: Template, _: dict[str, Any]) -> None:
    template["Resources"] = {"Fn::ForEach::Roles": ["Name", ["A"], template["Resources"]]}


def named(policy: str) -> Change:
    return in_role(Policies=[{"PolicyName": policy, "PolicyDocument": EVERYTHING}])


OUT_OF_REACH: dict[str, Change] = {
    "without a mark": in_role(),
    "with a name that ends like its name": in_role(RoleName="OurPumpReadOnlyRole"),
    "with a name that begins like its name": in_role(RoleName="PumpReadOnlyRoleOfOurs"),
    "with a policy that ends like its policy": named("OurPumpReadOnly"),
    "with a policy that begins like its policy": named("PumpReadOnlyOfOurs"),
    "with its name by a join": in_role(RoleName={"Fn::Join": ["", ["PumpReadOnlyRole"]]}),
    "with its name by a condition": in_role(RoleName={"Fn::If": ["C", "PumpReadOnlyRole", "X"]}),
    "with the name of its policy by substitution": in_role(
        Policies=[{"PolicyName": {"Fn::Sub": "PumpReadOnly"}, "PolicyDocument": EVERYTHING}]
    ),
    "in a loop": both(in_role(RoleName="PumpReadOnlyRole"), in_a_loop),
}


@pytest.mark.parametrize("change", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_what_the_header_says_is_not_seen_is_not_seen(change: Change) -> None:
    template = changed(both(UNMARKED, principal({"AWS": PUMP_ACCOUNT}), change))
    assert set(verdicts(template).values()) == {"SKIP"}


def test_of_the_templates_of_stacksets_what_the_header_says_is_not_seen_is_not_seen() -> None:
    wrong = changed(in_role(MaxSessionDuration=7_200))
    assert failed(rolled_out(wrong)) == {SESSION}
    by_function, escaped = rolled_out({}), rolled_out({})
    body = json.dumps(wrong)
    by_function["Resources"]["Rollout"]["Properties"]["TemplateBody"] = {"Fn::Sub": body}
    escaped["Resources"]["Rollout"]["Properties"]["TemplateBody"] = body.replace("P", "\\u0050")
    for template in (by_function, escaped, rolled_out(rolled_out(wrong))):
        assert failed(template) == set()


@pytest.mark.parametrize("kind", ROLES)
def test_a_role_in_a_stackset_is_recognized_by_only_its_description(kind: str) -> None:
    change = both(
        UNMARKED,
        principal({"AWS": PUMP_ACCOUNT}),
        external_id("Example-1234"),
        in_role(Description=ROLES[kind].description),
    )
    template = changed(change)
    del template["Parameters"]
    assert failed(rolled_out(template)) == {SESSION}


@pytest.mark.parametrize(
    "body",
    [
        {"Fn::Sub": "PumpReadOnlyRole"},
        {"Fn::Join": ["", ["{", "}"]]},
        {"Ref": "Body"},
        None,
    ],
)
@pytest.mark.parametrize("name", STACKS)
def test_a_rollout_whose_template_cannot_be_read_fails(name: str, body: Any) -> None:
    template = rolled_out({})
    template["Resources"]["Rollout"]["Properties"] |= {"StackSetName": name, "TemplateBody": body}
    assert failed(template) == {ALLOWS}
    template["Resources"]["Rollout"]["Properties"]["StackSetName"] = "Other"
    assert failed(template) == set()
    template["Resources"]["Rollout"]["Properties"]["StackSetName"] = name
    assert failed(as_another_type(template)) == set()


def test_a_rollout_with_a_template_in_yaml_is_read() -> None:
    body = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: PumpReadOnlyRole
      MaxSessionDuration: !Ref Duration
      AssumeRolePolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {AWS: "999988887777"}
            Action: sts:AssumeRole
            Condition: {StringEquals: {"sts:ExternalId": %s}}
"""
    template = rolled_out({})
    properties = template["Resources"]["Rollout"]["Properties"]
    properties["TemplateBody"] = body % "Example-1234"
    assert failed(template) == {SESSION}
    properties["TemplateBody"] = body % "!Sub Example-1234"
    assert failed(template) == {SESSION, ID}


def test_each_of_two_rollouts_is_read_with_its_own_parameters() -> None:
    template: Template = {"Resources": {}}
    for number, kind in enumerate(ROLES):
        member = json.loads(universal.template(kind).replace(b"PumpExternalID", b"Id%d" % number))
        template["Resources"][f"Rollout{number}"] = rolled_out(member)["Resources"]["Rollout"]
    assert failed(template) == set()


def test_several_roles_in_one_template_are_judged_each_by_itself() -> None:
    template = changed(in_role(ManagedPolicyArns=[], MaxSessionDuration=3_600))
    (other,) = changed(in_role(), "read-only")["Resources"].values()
    template["Resources"]["Other"] = other
    assert verdicts(template) == dict.fromkeys(RULES, "PASS")
    del other["Properties"]["Policies"]
    assert verdicts(template) == dict.fromkeys(RULES, "PASS")
    other["Properties"]["ManagedPolicyArns"] = [ADMINISTRATOR]
    other["Properties"]["MaxSessionDuration"] = 7_200
    assert failed(template) == {POLICIES, SESSION}


FIFTH = Policy(name="PumpFifth", text=json.dumps(document(allow(Action=["s3:List*"]))))


@pytest.mark.parametrize("kinds", [list(ROLES), ["auto-pilot"]])
def test_a_fifth_policy_is_in_the_rules_once_it_is_published(
    kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {
        kind: replace(role, policies=(*role.policies, FIFTH)) if kind in kinds else role
        for kind, role in ROLES.items()
    }
    monkeypatch.setattr(release_guard, "ROLES", later)
    rules = release_guard.rules().decode()
    inline = {"PolicyName": FIFTH.name, "PolicyDocument": FIFTH.document}
    for kind in ROLES:
        template = changed(lambda _, role: role["Policies"].append(inline), kind)
        assert failed(template) == {ALLOWS}
        assert failed(template, rules) == (set() if kind in kinds else {ALLOWS})
    only = both(UNMARKED, principal({"AWS": PUMP_ACCOUNT}), in_role(Policies=[inline]))
    assert failed(changed(only)) == set()
    assert failed(rolled_out(changed(only)), rules) >= {SESSION, ID}


def test_no_rule_is_about_resources_since_the_published_statements_name_every_one() -> None:
    assert set(RESOURCE_REASONS) == {"*"}


EXAMPLE = PublishedRole(
    "example", "PumpExampleRole", "Lets Pump do more", (*ROLES["read-only"].policies, FIFTH)
)
EVERYTHING_PUBLISHED = replace(
    EXAMPLE,
    policies=(*dict.fromkeys(one for role in ROLES.values() for one in role.policies), FIFTH),
)


@pytest.fixture(params=[EXAMPLE, EVERYTHING_PUBLISHED], ids=["with its own", "with all"])
def third(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PublishedRole:
    """A third published role: one of its policies is its own, or it has every policy."""
    role: PublishedRole = request.param
    monkeypatch.setattr(release_guard, "ROLES", {**ROLES, role.kind: role})
    return role


def built(role: PublishedRole, policies: Iterable[Policy] | None = None) -> Template:
    """The template of a role, as published or with other policies."""
    return changed(
        in_role(
            RoleName=role.name,
            Description=role.description,
            Policies=[
                {"PolicyName": policy.name, "PolicyDocument": policy.document}
                for policy in (role.policies if policies is None else policies)
            ],
        )
    )


def test_each_of_three_roles_may_allow_what_is_published_for_it(third: PublishedRole) -> None:
    rules = release_guard.rules().decode()
    for role in (*ROLES.values(), third):
        for name in (role.name, "Renamed"):
            template = built(replace(role, name=name))
            assert verdicts(template, rules) == dict.fromkeys(RULES, "PASS")
            assert verdicts(rolled_out(template), rules) == dict.fromkeys(RULES, "PASS")


def test_each_of_three_roles_may_allow_nothing_that_is_published_for_another(
    third: PublishedRole,
) -> None:
    rules = release_guard.rules().decode()
    roles = (*ROLES.values(), third)
    for role in roles:
        for other in roles:
            lacks = [policy for policy in other.policies if policy not in role.policies]
            expected = {ALLOWS} if lacks else set()
            more = [*role.policies, *lacks]
            assert failed(built(role, more), rules) == expected
            assert failed(built(replace(role, name="Renamed"), more), rules) == expected
            assert failed(built(replace(role, description="Other"), more), rules) == expected
            # Under the names of the role's own policies.
            wider = [replace(policy, text=other.policies[-1].text) for policy in role.policies]
            assert failed(built(replace(role, name="X", description=""), wider), rules) == expected


def test_a_role_with_policies_of_two_roles_fails_unless_a_third_has_both(
    third: PublishedRole, tmp_path: Path
) -> None:
    rules = release_guard.rules().decode()
    mixed = replace(third, name="Renamed", description="")
    template = built(mixed, [*ROLES["auto-pilot"].policies, FIFTH])
    expected = set() if third is EVERYTHING_PUBLISHED else {ALLOWS}
    assert failed(template, rules) == expected
    assert failed_in_cdk({"mixed": template}, tmp_path, rules) == {"mixed": expected}
    if expected:
        _, said = evaluated(json.dumps(template), rules)
        assert said == {"The role has policies that no single one of Pump's roles has."}


def test_header_says_what_each_of_three_roles_is_recognized_by(third: PublishedRole) -> None:
    header = " ".join(release_guard.rules().decode().replace("#", "").split())
    for role in (*ROLES.values(), third):
        limited = role is not EVERYTHING_PUBLISHED
        assert (f"the {role.kind} role if it is named {role.name}" in header) == limited


def customer(build: Callable[[Stack], None], *, pump: bool) -> list[Template]:
    """What a customer's app synthesizes, with or without a role of Pump's in the same stack."""
    app = App()
    stack = Stack(app, "Own")
    s3.CfnBucket(stack, "Filler")
    build(stack)
    if pump:
        ReadOnlyRole(stack, "Pump", **ROLE_ARGUMENTS)
    return [stack.template for stack in app.synth().stacks_recursively]


UNREADABLE = {"cross_stack_policy", "innocent_nested", "optional_suffix"}
"""The innocent stacks whose policies attach to roles that are not named and not in the template."""


def test_nothing_innocent_fails() -> None:
    for name, build in {**INNOCENT, **FOREIGN}.items():
        for template in customer(build, pump=False):
            assert failed(template) == set(), name


def test_next_to_a_role_of_pumps_only_a_target_that_cannot_be_read_fails() -> None:
    found = {
        name: set().union(*map(failed, customer(build, pump=True)))
        for name, build in INNOCENT.items()
    }
    assert {name for name, rules in found.items() if rules} == UNREADABLE
    assert set().union(*found.values()) == {POLICIES}


OUT_OF_SIGHT = {
    "custom_resource",
    "macro_over_the_template",
    "name_by_default_of_a_parameter_that_may_not_be_passed",
    "name_by_parameter_of_a_nested_stack",
    "name_by_reference_from_a_nested_stack",
}
"""What reaches a role from its own stack and no rule sees: from a nested stack, or by an API."""


@pytest.mark.parametrize("route", [*HOSTILE, *BEYOND])
def test_what_reaches_a_role_from_its_own_template_fails(route: str) -> None:
    app = App()
    stack = Stack(app, "Pump")
    s3.CfnBucket(stack, "Filler")
    role = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    {**HOSTILE, **BEYOND}[route](stack, role, stack)
    # The reader fails the synth, after the templates are written.
    with suppress(RuntimeError):
        app.synth()
    files = Path(app.outdir).glob("*.template.json")
    found = set().union(*(failed(json.loads(file.read_text())) for file in files))
    assert (POLICIES in found) == (route not in OUT_OF_SIGHT)


HELD = {
    "trust": {ID, PRINCIPALS},
    "trust_further_statement": {ID, PRINCIPALS},
    "trust_condition": {ID},
    "trust_principal": {PRINCIPALS},
    "trust_action": {PRINCIPALS},
    "policies": {ALLOWS},
    "further_policy": {ALLOWS},
    "policies_by_token": {ALLOWS},
    "policy_action": {ALLOWS},
    "policy_further_statement": {ALLOWS},
    "transform_in_the_policies": {ALLOWS},
    "transform_of_the_resource": {ALLOWS},
    "managed_policies": {POLICIES},
    "session": {SESSION},
}
"""The rules that a change of a role breaks.

The others are changes of what no rule is about, or leave nothing by which the role is recognized.
"""


@pytest.mark.parametrize("name", [*OVERRIDES, *HARMLESS])
def test_what_a_customer_does_to_a_role_fails_where_the_rules_claim_to_see_it(name: str) -> None:
    app = App()
    stack = Stack(app, "Pump")
    s3.CfnBucket(stack, "Filler")
    bounded: dict[str, Any] = (
        {"permissions_boundary": "platform/B"} if name.endswith("boundary") else {}
    )
    role = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, **bounded)
    {**OVERRIDES, **HARMLESS}[name](role)
    # The reader fails the synth, after the templates are written.
    with suppress(RuntimeError):
        app.synth()
    template = json.loads((Path(app.outdir) / stack.template_file).read_text())
    what = re.sub(r"^(aspect_)?(set|override|delete)_", "", name)
    expected = set() if "delete" in name and what == "policies" else HELD.get(what, set())
    assert failed(template) == expected


@given(
    pattern=st.one_of(
        st.sampled_from(["*", "s3:*", "iam:PassRole", "ec2:*", "ce:*x", "sts:AssumeRole", ""]),
        st.text(max_size=12),
        st.from_regex(r"[a-z]{2,5}:[A-Za-z]{0,6}\*?", fullmatch=True),
    ),
    data=st.data(),
)
@settings(max_examples=60)
@pytest.mark.parametrize("kind", ROLES)
def test_an_allow_of_anything_else_always_fails(kind: str, pattern: str, data: Any) -> None:
    published = set(ROLES[kind].patterns)

    def widen(_: Template, role: dict[str, Any]) -> None:
        policy = data.draw(st.sampled_from(role["Policies"]))
        (statement,) = policy["PolicyDocument"]["Statement"]
        where = data.draw(st.sampled_from(["in the list", "alone", "statement", "policy"]))
        if where == "in the list":
            at = data.draw(st.integers(0, len(statement["Action"])))
            statement["Action"].insert(at, pattern)
        elif where == "alone":
            statement["Action"] = pattern
        elif where == "statement":
            policy["PolicyDocument"]["Statement"].append(allow(Action=[pattern]))
        else:
            another(document(allow(Action=pattern)))({}, role)

    assert failed(changed(widen, kind)) == (set() if pattern in published else {ALLOWS})


def test_cdks_engine_says_the_same(tmp_path: Path) -> None:
    groups = [*PASSING.values(), *FAILING.values(), FAILING_BOTH, NAMED, RECOGNIZED, TRUSTING]
    changes = [change for group in groups for change in group.values()]
    templates = {str(number): changed(change) for number, change in enumerate(changes)}
    for rule, group in FAILING.items():
        templates[f"rolled out: {rule}"] = rolled_out(changed(next(iter(group.values()))))
    found = failed_in_cdk(templates, tmp_path)
    assert found == {name: failed(template) for name, template in templates.items()}


def test_every_message_is_given_for_some_template_and_every_failing_template_has_one() -> None:
    texts = {" ".join(text.split()) for text in re.findall("<<(.*?)>>", guard.rules(), re.DOTALL)}
    unreadable = rolled_out({})
    unreadable["Resources"]["Rollout"]["Properties"] = {"StackSetName": "PumpReadOnly"}
    changes = [change for group in FAILING.values() for change in group.values()]
    changes += [*FAILING_BOTH.values(), *NAMED.values()]
    said = [
        evaluated(template)[1] for template in map(json.dumps, [*map(changed, changes), unreadable])
    ]
    assert all(said)
    # Of no role, unless one has every policy.
    every = {policy.name: policy for role in ROLES.values() for policy in role.policies}
    mixed = built(replace(ROLES["auto-pilot"], name="Renamed", description=""), every.values())
    assert set().union(*said, evaluated(json.dumps(mixed))[1]) == texts


def test_rules_that_an_engine_cannot_read_are_an_error() -> None:
    """The positive control: an engine does not pass over rules that it cannot read."""
    broken = guard.rules().replace("rule pump_role", "rule pump role", 1)
    assert not guardpycfn.validate_with_guard("{}", broken)["success"]
    assert guardpycfn.validate_with_guard("{}", guard.rules())["success"]
    source = ValidationRuleSource(name="broken", content=broken)
    # The engine throws a text, which jsii cannot turn into an exception of its own.
    with pytest.raises(ValueError, match="disambiguate"):
        CloudFormationValidatePlugin(guard_rules=[source])


def broken_role(stack: Stack) -> None:
    """A role that is Pump's by its name, and not built by this package."""
    template = changed(in_role(MaxSessionDuration=43_200))
    (role,) = template["Resources"].values()
    properties = role["Properties"] | {"AssumeRolePolicyDocument": document(AN_ALLOW)}
    CfnResource(stack, "Broken", type=role["Type"], properties=properties)


@pytest.fixture(scope="module")
def add_validation(tmp_path_factory: pytest.TempPathFactory) -> Callable[[App], None]:
    """How app.py adds its validation to an app."""
    outer = App(context=recommended_flags(), outdir=str(tmp_path_factory.mktemp("outer")))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(aws_cdk, "App", lambda: outer)
        patched.chdir(outer.outdir)
        added: Callable[[App], None] = runpy.run_path(str(ROOT / "app.py"))["add_validation"]
    return added


def cdk_violations(app: App) -> list[tuple[str, str]]:
    """The rules and severities of what CDK's own validation found, as the CDK CLI reads them."""
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    return [
        (violation["ruleName"], violation["severity"])
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == "CloudFormation Validate"
        for violation in plugin["violations"]
    ]


def test_the_apps_validation_fails_the_synth_of_a_role_that_breaks_a_rule(
    add_validation: Callable[[App], None],
) -> None:
    app = App(context=recommended_flags())
    broken_role(Stack(app, "Broken"))
    Validations.of(app).acknowledge(
        Acknowledgment(id="AwsSolutions::AwsSolutions-IAM5", reason="x")
    )
    add_validation(app)
    with pytest.raises(RuntimeError, match=MESSAGE):
        app.synth()
    assert cdk_violations(app) == [(SESSION, "error")]


UNPARSED = {
    "neither": "{PumpReadOnlyRole",
    "a key that is a number": "# PumpReadOnlyRole\nMappings: {M: {111122223333: {Key: value}}}\n",
    "a key that is there twice": "# PumpReadOnlyRole\nResources: {A: {Type: B}, A: {Type: B}}\n",
}
"""Templates of StackSets that Guard cannot parse."""


@pytest.mark.parametrize("body", UNPARSED.values(), ids=UNPARSED)
def test_a_template_that_no_engine_can_parse_fails_the_synth(
    body: str, add_validation: Callable[[App], None]
) -> None:
    template = rolled_out({})
    template["Resources"]["Rollout"]["Properties"]["TemplateBody"] = body
    assert not guardpycfn.validate_with_guard(json.dumps(template), guard.rules())["success"]

    def synthesized(add: Callable[[App], object], message: str) -> list[tuple[str, str]]:
        app = App(context=recommended_flags())
        CfnStackSet(
            Stack(app, "Broken"),
            "Rollout",
            stack_set_name="Any",
            permission_model="SELF_MANAGED",
            template_body=body,
        )
        add(app)
        with pytest.raises(RuntimeError, match=message):
            app.synth()
        return cdk_violations(app)

    assert synthesized(add_validation, "the templates could not be checked") == [
        ("evaluation", "fatal")
    ]
    # Without what the app adds, the CDK CLI has nothing to show, and goes on.
    alone = synthesized(
        lambda app: Validations.of(app).add_plugins(plugin()),
        "plugin 'CloudFormation Validate' failed",
    )
    assert alone == []


def test_example_of_the_security_model_fails_once_a_role_breaks_a_rule() -> None:
    page = (ROOT / "docs" / "security-model.md").read_text()
    (example,) = re.findall(r"```python\n([^`]*GuardRules.*?)```", page, re.DOTALL)
    exec(compile(example, "security-model.md", "exec"), {})  # noqa: S102
    synth = example.index("app.synth()")
    with pytest.raises(RuntimeError, match=MESSAGE):
        exec(  # noqa: S102
            compile(f"{example[:synth]}broken_role(stack)\n{example[synth:]}", "x", "exec"),
            {"broken_role": broken_role},
        )
