"""The Guard rules enforce the promises in any template, without false alarms."""

import json
import re
from dataclasses import replace
from typing import Any

import guardpycfn
import pytest
from aws_cdk import CfnResource, Stack

from pump_roles import guard, universal
from pump_roles.published import RESOURCE_REASONS, ROLES, Policy, PublishedRole
from tests.guard.engine import (
    ALLOWS,
    ID,
    POLICIES,
    PRINCIPALS,
    RULES,
    SESSION,
    evaluated,
    failed,
    verdicts,
)
from tests.innocent import ANYWHERE, ELSEWHERE
from tests.support import (
    EVERYTHING,
    NO_VALUE,
    PUMP_ACCOUNT,
    SCENARIOS,
    STACKS,
    Change,
    Synth,
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
)
from tools.release import guard as release_guard
from tools.sandbox.cdk import ROOT

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PUMP = f"arn:aws:iam::{PUMP_ACCOUNT}"


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


def budget(definition: Any) -> Change:
    """A change that adds a budget action, and a role that is not Pump's."""
    action = {"Type": "AWS::Budgets::BudgetsAction", "Properties": {"Definition": definition}}
    return add_resources(Own=OWN_ROLE, Other=action)


def by_budget(roles: Any, **more: Any) -> Change:
    """A change that adds a budget action that attaches a policy to roles."""
    iam = {"PolicyArn": ADMINISTRATOR, "Roles": roles, **more}
    return budget({"IamActionDefinition": iam})


def attached(kind: str, *targets: Any) -> Change:
    """A change that adds what attaches a policy, and a role that is not Pump's."""
    if kind == "BudgetsAction":
        return by_budget([*targets])
    (*_, last) = targets
    return both(
        attach(kind, last if kind == "RolePolicy" else [*targets]), add_resources(Own=OWN_ROLE)
    )


KINDS = ["Policy", "ManagedPolicy", "RolePolicy", "BudgetsAction"]
TRANSFORM = {"Fn::Transform": {"Name": "Widen"}}
TRANSFORMED: dict[str, dict[str, Any]] = {
    "policy": TRANSFORM,
    "properties": {"Properties": TRANSFORM},
}
DYNAMIC = "{{resolve:ssm:/pump/name}}"
OWN = {"Ref": "Own"}

PASSING: dict[str, Change] = {
    "an external ID": external_id("Example-1234"),
    "two external IDs while rotating": external_id(["Example-1234", REF]),
    "the key of the external ID in another case": condition({"StringEquals": {KEY.lower(): REF}}),
    "an external ID as default": parameter("PumpExternalID", Default="Example-1234"),
    "an account": trusts({"AWS": PUMP_ACCOUNT}),
    "an account root": trusts({"AWS": f"{PUMP}:root"}),
    "a role": trusts({"AWS": f"{PUMP}:role/service/PumpService"}),
    "a root in another partition": trusts({"AWS": "arn:aws-us-gov:iam::999988887777:root"}),
    "a parameter with a default": trusts({"AWS": {"Ref": "Fine"}}),
    "a statement of trust with a name": statement(Sid="Pump"),
    "a trust policy with a name": lambda _, role: role["AssumeRolePolicyDocument"].update(Id="P"),
    "a list of the one action": statement(Action=["sts:AssumeRole"]),
    "fewer resources": in_allow(Resource="arn:aws:x:::one"),
    "a condition": in_allow(Condition={"Bool": {"aws:SecureTransport": "true"}}),
    "a published action in another policy": another(document(allow())),
    "a deny": another(document({"Effect": "Deny", "Action": "*", "Resource": "*"})),
    "a deny of all but some": another(
        document({"Effect": "Deny", "NotAction": ["ce:*"], "NotResource": "arn:aws:x:::one"})
    ),
    "a statement with a name": in_allow(Sid="Pump"),
    "a document with a name": in_document(Id="Pump"),
    "a policy with a name by a function": in_policy(PolicyName={"Fn::Sub": "Pump"}),
    "a boundary": in_role(PermissionsBoundary=ADMINISTRATOR),
    "no managed policies": in_role(ManagedPolicyArns=[]),
    **{f"{kind} of other roles": attached(kind, "Other", OWN) for kind in KINDS},
    "a policy of a role with a similar name": attached("RolePolicy", "PumpReadOnlyRoleOfOurs"),
    "a policy of a user": add_resources(
        Other={"Type": "AWS::IAM::Policy", "Properties": {"Users": ["PumpAutoPilotRole"]}}
    ),
    "a policy of no roles": attach("Policy", []),
    "a budget action for users": by_budget([], Users=["PumpAutoPilotRole"], Groups=["Any"]),
    "a budget action on accounts": budget({"ScpActionDefinition": {"PolicyId": "p-example"}}),
    "a budget action on instances": budget({"SsmActionDefinition": {"Region": "us-east-1"}}),
    "a session of an hour": in_role(MaxSessionDuration=3_600),
    "a session of an hour as text": in_role(MaxSessionDuration="3600"),
    "a name like the read-only role's": in_role(RoleName="OurPumpReadOnlyRole"),
    "a name that begins like the read-only role's": in_role(RoleName="PumpReadOnlyRoleOfOurs"),
}
"""Changes of the auto-pilot role's template that break no rule."""

FAILING: dict[str, dict[str, Change]] = {
    ID: {
        "no condition": not_there("AssumeRolePolicyDocument", "Statement", 0, "Condition"),
        "a condition of nothing": condition({"StringEquals": {}}),
        "another operator": condition({"StringLike": {KEY: "*"}}),
        "if it exists": condition({"StringEqualsIfExists": {KEY: "Example-1234"}}),
        "another operator, too": condition({"StringEquals": {KEY: "ab"}, "Null": {KEY: "false"}}),
        "another key": condition({"StringEquals": {"aws:PrincipalAccount": PUMP_ACCOUNT}}),
        "another key, too": condition({"StringEquals": {KEY: "ab", "aws:PrincipalAccount": "1"}}),
        "a key with a space": condition({"StringEquals": {f"{KEY} ": "Example-1234"}}),
        "by a function": condition({"Fn::If": ["C", {"StringEquals": {KEY: "ab"}}, NO_VALUE]}),
        "keys by a function": condition({"StringEquals": {"Fn::If": ["C", {KEY: "ab"}, {}]}}),
        "a list of keys": condition({"StringEquals": [{KEY: "Example-1234"}]}),
        "no external IDs": external_id([]),
        "three external IDs": external_id(["Example-1", "Example-2", "Example-3"]),
        "a list in a list": external_id([["Example-1234"]]),
        "one character": external_id("a"),
        "a line break": external_id("Example-1234\n"),
        "a wildcard": external_id("Example-*"),
        "a dynamic reference": external_id(DYNAMIC),
        "null": external_id(None),
        "by substitution": external_id(["Example-1234", {"Fn::Sub": "Example-1234"}]),
        "no value": external_id(NO_VALUE),
        "a parameter that is not there": external_id({"Ref": "Another"}),
        "a reference to a list": external_id({"Ref": ["PumpExternalID"]}),
        "the parameter of the principal": external_id({"Ref": "PumpIamRole"}),
        "a parameter without a pattern": both(
            trusts({"AWS": PUMP_ACCOUNT}),
            in_template(Parameters={"Id": {"Type": "String"}}),
            external_id({"Ref": "Id"}),
        ),
        "a parameter with a loose pattern": parameter("PumpExternalID", AllowedPattern=".*"),
        "a default that ends well": parameter("PumpExternalID", Default="*Example-1234"),
        "a default that begins well": parameter("PumpExternalID", Default="Example-1234*"),
        "a list as parameter": parameter("PumpExternalID", Type="CommaDelimitedList"),
    },
    PRINCIPALS: {
        "every account": trusts({"AWS": "*"}),
        "more than an account": trusts({"AWS": f"1{PUMP_ACCOUNT}"}),
        "an account with a line break": trusts({"AWS": f"{PUMP_ACCOUNT}\n"}),
        "a user": trusts({"AWS": f"{PUMP}:user/Somebody"}),
        "a list of one": trusts({"AWS": [PUMP_ACCOUNT]}),
        "an empty list": trusts({"AWS": []}),
        "a service, too": trusts({"AWS": PUMP_ACCOUNT, "Service": "ec2.amazonaws.com"}),
        "all but one, too": statement(NotPrincipal={"AWS": "111122223333"}),
        "by substitution": trusts({"AWS": {"Fn::Sub": f"{PUMP}:root"}}),
        "by a condition": trusts({"Fn::If": ["C", {"AWS": PUMP_ACCOUNT}, {"AWS": "*"}]}),
        "the own account": trusts({"AWS": {"Ref": "AWS::AccountId"}}),
        "a parameter with a bad default": trusts({"AWS": {"Ref": "Default"}}),
        "a default that begins well": both(
            trusts({"AWS": {"Ref": "Fine"}}), parameter("Fine", Default=f"{PUMP_ACCOUNT}*")
        ),
        "a list as parameter": trusts({"AWS": {"Ref": "List"}}),
        "a parameter that is not there": trusts({"AWS": {"Ref": "Another"}}),
        "a reference to a list": statement(Principal={"AWS": {"Ref": ["PumpIamRole"]}}),
        "session tags, too": statement(Action=["sts:AssumeRole", "sts:TagSession"]),
        "an empty list of actions": statement(Action=[]),
        "all but an action, too": statement(NotAction="sts:TagSession"),
        "actions by a function": statement(Action={"Fn::Sub": "sts:AssumeRole"}),
        "a deny": statement(Effect="Deny"),
        "an empty list of effects": statement(Effect=[]),
        "another statement": further_trust(AN_ALLOW),
        "a transform of the statement": statement(**TRANSFORM),
        "a transform of the document": lambda _, role: role["AssumeRolePolicyDocument"].update(
            TRANSFORM
        ),
    },
    ALLOWS: {
        "everything": in_allow(Action="*"),
        "one action more": in_allow(Action=["ce:Get*", "s3:GetObject"]),
        "a pattern in another case": in_allow(Action=["CE:GET*"]),
        "one policy more": another(document(allow(Action="s3:*"))),
        "no action": in_allow(Action=NO_VALUE),
        "all but an action, too": in_allow(NotAction="iam:*"),
        "all but a resource, too": in_allow(NotResource="arn:aws:x:::one"),
        "an action by substitution": in_allow(Action=[{"Fn::Sub": "ce:Get*"}]),
        "an action that is a number": in_allow(Action=["ce:Get*", 1]),
        "an effect by a function": in_allow(Effect={"Fn::If": ["C", "Allow", "Deny"]}),
        "an empty list of effects": in_allow(Effect=[], Action="*"),
        "a statement by a function": a_statement({"Fn::If": ["C", allow(), allow(Action="*")]}),
        "a deny with a transform": a_statement({"Effect": "Deny", "Action": "*", **TRANSFORM}),
        "a single statement": in_document(Statement=allow()),
        "no statements": in_document(Statement=[]),
        "a document with a transform": in_document(**TRANSFORM),
        "a document as text": in_policy(PolicyDocument=json.dumps(EVERYTHING)),
        "no document": not_there("Policies", 0, "PolicyDocument"),
        "a policy with a transform": in_policy(**TRANSFORM),
        "a policy that may not be there": lambda _, role: role["Policies"].append(
            {"Fn::If": ["C", {"PolicyName": "P", "PolicyDocument": EVERYTHING}, NO_VALUE]}
        ),
        "policies by a function": in_role(Policies={"Fn::If": ["C", [], []]}),
        "policies that are a text": in_role(Policies="PumpReadOnly"),
        "a transform of the properties": in_role(**TRANSFORM),
        "a transform of the resource": on_role(**TRANSFORM),
        "the name of the read-only role": in_role(RoleName="pumpreadonlyrole"),
        "its description": in_role(RoleName="Any", Description=ROLES["read-only"].description),
    },
    POLICIES: {
        "a managed policy": in_role(ManagedPolicyArns=[ADMINISTRATOR]),
        "managed policies by a function": in_role(ManagedPolicyArns={"Fn::If": ["C", [], []]}),
        "a managed policy that is no list": in_role(ManagedPolicyArns=ADMINISTRATOR),
        **{f"{kind} by reference": attached(kind, OWN, {"Ref": "AutoPilotRole"}) for kind in KINDS},
        **{
            f"a policy {how}": attached("Policy", OWN, target)
            for how, target in {
                "by name in another case": "pumpautopilotrole",
                "by substitution": {"Fn::Sub": "Pump${X}Role"},
                "by a parameter": {"Ref": "PumpExternalID"},
                "by a reference to a list": {"Ref": ["Own"]},
                "by null": None,
                "by a dynamic reference": f"Pump{DYNAMIC}",
            }.items()
        },
        "a policy by another name": both(
            in_role(RoleName="Renamed"), attach("ManagedPolicy", ["Other", "RENAMED"])
        ),
        "a policy by the published name": both(
            in_role(RoleName="Renamed"), attach("RolePolicy", "PumpReadOnlyRole")
        ),
        "a policy by name, next to a name by substitution": both(
            in_role(RoleName={"Fn::Sub": "Renamed"}), attach("RolePolicy", "Renamed")
        ),
        "a policy by name, next to a name by a dynamic reference": both(
            in_role(RoleName=DYNAMIC), attach("Policy", ["Renamed"])
        ),
        **{
            f"a transform of the {what}": add_resources(Other={"Type": "AWS::IAM::Policy", **more})
            for what, more in TRANSFORMED.items()
        },
        "targets by a function": attach("Policy", {"Fn::Split": [",", "Own,Other"]}),
        "a target that is no list": attach("ManagedPolicy", "Own"),
        "a budget action by a function": budget({"Fn::If": ["C", {}, NO_VALUE]}),
        "a budget action that is a text": budget("IamActionDefinition"),
        "a budget action for targets by a function": by_budget({"Ref": "Names"}),
        "a budget action with a transform": by_budget([], **TRANSFORM),
        "a budget action that is null": budget({"IamActionDefinition": None}),
    },
    SESSION: {
        "a second more": in_role(MaxSessionDuration=3_601),
        "a parameter": in_role(MaxSessionDuration={"Ref": "Seconds"}),
        "null": in_role(MaxSessionDuration=None),
        "a list": in_role(MaxSessionDuration=[43_200]),
    },
}
"""Changes of the auto-pilot role's template that break one rule, by that rule."""

FAILING_BOTH: dict[str, Change] = {
    "everything trusted": trust({"Statement": [{"Effect": "Allow", "Principal": "*"}]}),
    "another statement without an external ID": further_trust({**AN_ALLOW, "Condition": {}}),
    "a single statement": trust({"Statement": AN_ALLOW}),
    "no statements": trust({"Statement": []}),
    "a statement by a function": trust({"Statement": [{"Fn::If": ["C", AN_ALLOW, NO_VALUE]}]}),
    "a document by a function": trust({"Fn::If": ["C", {"Statement": [AN_ALLOW]}, NO_VALUE]}),
    "a document as text": trust(json.dumps({"Statement": [AN_ALLOW]})),
    "no document": not_there("AssumeRolePolicyDocument"),
    "no parameters": lambda template, _: template.pop("Parameters"),
}
"""Changes that leave the trust policy without an external ID, and without one principal."""


def changed(change: Change, kind: str = "auto-pilot") -> Template:
    """A role's universal template after a change."""
    template: Template = json.loads(universal.template(kind))
    (role,) = template["Resources"].values()
    change(template, role["Properties"])
    return template


def rolled_out(body: Any, name: str = "Any", kind: str = "CloudFormation::StackSet") -> Template:
    """A template with a StackSet that has a template."""
    body = json.dumps(body) if isinstance(body, dict) and "Resources" in body else body
    properties = {"StackSetName": name, "TemplateBody": body}
    return {"Resources": {"Rollout": {"Type": f"AWS::{kind}", "Properties": properties}}}


@pytest.mark.parametrize("change", PASSING.values(), ids=PASSING)
def test_a_template_that_keeps_the_promises_passes(change: Change) -> None:
    assert verdicts(changed(change)) == dict.fromkeys(RULES, "PASS")


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        *(pytest.param(change, {ID, PRINCIPALS}, id=name) for name, change in FAILING_BOTH.items()),
        *(
            pytest.param(change, {rule}, id=f"{rule}: {name}")
            for rule, changes in FAILING.items()
            for name, change in changes.items()
        ),
    ],
)
def test_a_template_that_breaks_a_rule_fails_that_rule_and_no_other(
    change: Change, rules: set[str]
) -> None:
    assert failed(changed(change)) == rules


@pytest.mark.parametrize("rule", RULES)
def test_the_template_of_a_stackset_is_checked_like_any_other(rule: str) -> None:
    assert failed(rolled_out(changed(next(iter(FAILING[rule].values()))))) == {rule}


def test_every_message_is_given_for_some_template_and_every_failing_template_has_one() -> None:
    texts = {" ".join(text.split()) for text in re.findall("<<(.*?)>>", guard.rules(), re.DOTALL)}
    changes = [change for group in FAILING.values() for change in group.values()]
    templates = [*map(changed, [*changes, *FAILING_BOTH.values()]), rolled_out(None, STACKS[0])]
    said = [evaluated(json.dumps(template), None)[1] for template in templates]
    assert all(said)
    assert set().union(*said) == texts


@pytest.mark.parametrize("context", [*SCENARIOS.values(), {"pump:guardrails": "needed-only"}])
def test_what_the_app_synthesizes_passes(context: dict[str, str], synth: Synth) -> None:
    for template in synth(context).values():
        assert verdicts(template) == dict.fromkeys(RULES, "PASS")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["pumpreadonlyrole", {"Fn::Sub": "PumpAutoPilotRole"}])
def test_what_another_template_attaches_by_a_published_name_fails(kind: str, name: Any) -> None:
    template: Template = {"Resources": {}}
    attached(kind, "Other", name)(template, {})
    assert failed(template) == {POLICIES}
    attached(kind, "Other")(template, {})
    assert failed(template) == set()


UNMARKED = in_role(RoleName="Renamed", Description="", Policies=[], MaxSessionDuration=7_200)
LITERAL = both(principal({"AWS": PUMP_ACCOUNT}), external_id("Example-1234"))


def inline(name: str, actions: str = "ce:Get*") -> dict[str, Any]:
    return {"PolicyName": name, "PolicyDocument": document(allow(Action=actions))}


@pytest.mark.parametrize(
    "properties",
    [
        {"RoleName": "PUMPAUTOPILOTROLE"},
        {"RoleName": {"Fn::Sub": "PumpAutoPilotRole"}},
        *({"Description": role.description} for role in ROLES.values()),
        *({"Policies": [inline(policy.name.upper())]} for policy in ROLES["auto-pilot"].policies),
    ],
)
def test_a_role_of_pumps_is_recognized_by_any_single_mark(properties: dict[str, Any]) -> None:
    template = changed(both(UNMARKED, LITERAL, in_role(**properties)))
    assert failed(template) == {SESSION}
    assert failed(rolled_out(template)) == {SESSION}


@pytest.mark.parametrize("others", [[], ["111122223333"]])
@pytest.mark.parametrize("value", [{"Ref": "PumpIamRole"}, {"Fn::Sub": "${PumpIamRole}"}])
def test_a_role_that_trusts_the_parameter_of_the_links_is_recognized(
    value: Any, others: list[str]
) -> None:
    principals = [*others, value] if others else value
    template = changed(both(UNMARKED, statement(Principal={"AWS": principals})))
    published = "Ref" in value and not others
    assert failed(template) == ({SESSION} if published else {SESSION, PRINCIPALS})


@pytest.mark.parametrize("name", ["OurPumpAutoPilot", "PumpAutoPilotOfOurs"])
def test_a_name_like_a_policys_does_not_make_an_auto_pilot_role(name: str) -> None:
    policies = [inline("PumpBillingReadOnly"), inline(name, "savingsplans:*")]
    change = in_role(RoleName="Renamed", Description="", Policies=policies)
    assert failed(changed(change)) == {ALLOWS}


def in_a_loop(template: Template, role: dict[str, Any]) -> None:
    role["RoleName"] = "PumpReadOnlyRole"
    template["Resources"] = {"Fn::ForEach::Roles": ["Name", ["A"], template["Resources"]]}


OUT_OF_REACH: dict[str, Change] = {
    "without a mark": in_role(),
    "with a name that ends like its name": in_role(RoleName="OurPumpReadOnlyRole"),
    "with a name that begins like its name": in_role(RoleName="PumpReadOnlyRoleOfOurs"),
    "with a policy that ends like its policy": in_role(Policies=[inline("OurPumpReadOnly", "*")]),
    "with a policy that begins like it": in_role(Policies=[inline("PumpReadOnlyOfOurs", "*")]),
    "with its name by a join": in_role(RoleName={"Fn::Join": ["", ["PumpReadOnlyRole"]]}),
    "in a loop": in_a_loop,
}


@pytest.mark.parametrize("change", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_what_the_header_says_is_not_seen_is_not_seen(change: Change) -> None:
    template = changed(both(UNMARKED, LITERAL, change))
    assert set(verdicts(template).values()) == {"SKIP"}


def test_of_a_stackset_what_the_header_says_is_not_seen_is_not_seen() -> None:
    wrong = changed(in_role(MaxSessionDuration=7_200))
    body = json.dumps(wrong)
    for unseen in ({"Fn::Sub": body}, body.replace("P", "\\u0050"), rolled_out(wrong)):
        assert failed(rolled_out(unseen)) == set()


@pytest.mark.parametrize("body", [{"Fn::Sub": "PumpReadOnlyRole"}, {"Ref": "Body"}, None])
@pytest.mark.parametrize("name", STACKS)
def test_a_rollout_whose_template_cannot_be_read_fails(name: str, body: Any) -> None:
    assert failed(rolled_out(body, name)) == {ALLOWS}
    assert failed(rolled_out(body, "Other")) == set()
    assert failed(rolled_out(body, name, "Custom::Rollout")) == set()


def test_a_body_that_guard_cannot_parse_is_an_error_only_if_it_has_a_mark() -> None:
    def parses(body: str, kind: str = "CloudFormation::StackSet") -> bool:
        template = json.dumps(rolled_out(body, kind=kind))
        return bool(guardpycfn.validate_with_guard(template, guard.rules())["success"])

    roles = ROLES.values()
    policies = {policy.name for role in roles for policy in role.policies}
    for mark in {*policies, *(role.name for role in roles), *(role.description for role in roles)}:
        assert not parses("{" + mark.upper())
        assert parses("{Other")
        assert parses("{" + mark, "Custom::Rollout")
    twice = "# PumpReadOnlyRole\nResources: {A: {Type: B}, A: {Type: B}}\n"
    assert not parses(twice)


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
    assert failed(rolled_out(body % "Example-1234")) == {SESSION}
    assert failed(rolled_out(body % "!Sub Example-1234")) == {SESSION, ID}


def test_each_of_two_rollouts_is_read_with_its_own_parameters() -> None:
    template: Template = {"Resources": {}}
    for number, kind in enumerate(ROLES):
        member = json.loads(universal.template(kind).replace(b"PumpExternalID", b"Id%d" % number))
        template["Resources"][f"Rollout{number}"] = rolled_out(member)["Resources"]["Rollout"]
    assert failed(template) == set()


def test_several_roles_in_one_template_are_judged_each_by_itself() -> None:
    template = changed(in_role())
    (other,) = changed(in_role(), "read-only")["Resources"].values()
    template["Resources"]["Other"] = other
    assert verdicts(template) == dict.fromkeys(RULES, "PASS")
    other["Properties"] |= {"ManagedPolicyArns": [ADMINISTRATOR], "MaxSessionDuration": 7_200}
    assert failed(template) == {POLICIES, SESSION}


def test_no_rule_is_about_resources_since_the_published_statements_name_every_one() -> None:
    assert set(RESOURCE_REASONS) == {"*"}


FIFTH = Policy(name="PumpFifth", text=json.dumps(document(allow(Action=["s3:List*"]))))
EVERY_POLICY = dict.fromkeys(policy for role in ROLES.values() for policy in role.policies)
THIRD = PublishedRole(
    "example", "PumpExampleRole", "Lets Pump do more", (*ROLES["read-only"].policies, FIFTH)
)


@pytest.mark.parametrize(
    "third",
    [None, THIRD, replace(THIRD, policies=(*EVERY_POLICY, FIFTH))],
    ids=["two roles", "a third with its own", "a third with all"],
)
def test_each_role_may_allow_what_is_published_for_it_and_nothing_of_another(
    third: PublishedRole | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = [*ROLES.values(), *([third] if third else [])]
    monkeypatch.setattr(release_guard, "ROLES", {role.kind: role for role in roles})
    rules = release_guard.rules().decode()

    def failed_by(policies: tuple[Policy, ...], name: str, description: str) -> set[str]:
        listed = [
            {"PolicyName": policy.name, "PolicyDocument": policy.document} for policy in policies
        ]
        properties = {"RoleName": name, "Description": description, "Policies": listed}
        return failed(changed(in_role(**properties)), rules)

    for role in roles:
        marks = [(role.name, role.description), ("Renamed", role.description), (role.name, "")]
        for other in roles:
            if third not in (None, role, other):
                continue
            lacks = tuple(policy for policy in other.policies if policy not in role.policies)
            # Under the names of the role's own policies, too.
            wider = tuple(replace(own, text=other.policies[-1].text) for own in role.policies)
            expected = {ALLOWS} if lacks else set()
            assert failed_by(wider, "Renamed", "") == expected
            for name, description in marks:
                assert failed_by(role.policies + lacks, name, description) == expected
    mixed = (*ROLES["auto-pilot"].policies, FIFTH)
    has_all = third is not None and set(mixed) <= set(third.policies)
    assert failed_by(mixed, "Renamed", "") == (set() if has_all else {ALLOWS})
    header = " ".join(rules.replace("#", "").split())
    for role in roles:
        limited = role is not roles[-1] if len(roles) == 2 or has_all else True
        assert (f"the {role.kind} role if it is named {role.name}" in header) == limited


UNREADABLE = {
    "cross-stack-export.template.json",
    "cross-stack-policy.template.json",
    "names-by-environment.template.json",
    "nested.template.json",
    "nestedNested2E7A9B8A.nested.template.json",
    "optional-suffix.template.json",
    "role-with-a-path.template.json",
}
"""The innocent stacks whose policies attach to roles that are not named and not in the template."""


def test_nothing_innocent_fails_but_a_target_that_cannot_be_read_next_to_a_role_of_pumps() -> None:
    (role,) = changed(LITERAL, "read-only")["Resources"].values()
    resources = {
        name: template["Resources"]
        for name, template in {**ANYWHERE, **ELSEWHERE}.items()
        if name.endswith(".template.json")
    }
    for name in {*ELSEWHERE, *UNREADABLE}:
        assert failed({"Resources": resources[name]}) == set(), name
    for name in UNREADABLE:
        assert failed({"Resources": {**resources[name], "Role": role}}) == {POLICIES}, name
    together = {"Role": role}
    for name in resources.keys() - ELSEWHERE.keys() - UNREADABLE:
        together |= resources[name]
    assert failed({"Resources": together}) == set()


def test_rules_that_the_engine_cannot_read_are_an_error() -> None:
    """The positive control: the engine does not pass over rules that it cannot read."""
    broken = guard.rules().replace("rule pump_role", "rule pump role", 1)
    assert not guardpycfn.validate_with_guard("{}", broken)["success"]
    assert guardpycfn.validate_with_guard("{}", guard.rules())["success"]


@pytest.mark.slow
def test_example_of_the_security_model_fails_once_a_role_breaks_a_rule() -> None:
    page = (ROOT / "docs" / "security-model.md").read_text()
    (example,) = re.findall(r"```python\n([^`]*guard\.rules\(\).*?)```", page, re.DOTALL)
    exec(compile(example, "security-model.md", "exec"), {})  # noqa: S102
    (broken,) = changed(both(LITERAL, in_role(MaxSessionDuration=43_200)))["Resources"].values()

    def add_broken_role(stack: Stack) -> None:
        CfnResource(stack, "Broken", type=broken["Type"], properties=broken["Properties"])

    wrong = example.replace("app.synth()", "add_broken_role(stack)\napp.synth()")
    with pytest.raises(RuntimeError, match="MaxSessionDuration is not 3600 seconds"):
        exec(compile(wrong, "x", "exec"), {"add_broken_role": add_broken_role})  # noqa: S102
