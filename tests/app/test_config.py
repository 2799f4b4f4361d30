"""Settings to arguments: the keys, which one wins, and one clear error for what is wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aws_cdk import App, Environment, LegacyStackSynthesizer, Stack
from aws_cdk.aws_organizations import CfnPolicy
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import Guardrail, ReadOnlyStack
from pump_roles.app import StackSettings, config
from pump_roles.app import stacks as stacks_of
from pump_roles.guardrails import WITH_VALUE, parts_of
from pump_roles.inputs.validators import ListOf
from pump_roles.published import ROLES
from tests.every_guardrail import FILLED
from tests.review.account.results import expected_in
from tests.support import (
    PRINCIPAL,
    PUMP_ACCOUNT,
    ROLLED_OUT,
    ROLLOUTS,
    SCENARIOS,
    STACKS,
    UNITS,
    Synth,
    app_files,
    member_template,
    messages_of,
    of_templates,
    policies_of,
)

BOUNDARY, BOUNDARY_OF_CDK = "permissions-boundary", "@aws-cdk/core:permissionsBoundary"
TARGETS, DELEGATED = "organizational-units", {"delegated-admin": True}
OPENING = {"tags": {"Pump-Commitments": "1"}}
ABSENT = object()
"""The CDK's own key is not in the context."""
REQUIRED = {"protection": {"targets": ["ou-abcd-12345678"]}, "alarm": {"emails": ["a@example.com"]}}
APPROVED = {"guardrails": ["only-when-approved"], "approval-ends": "20:00"}
NO_ROLLOUT = "applies only to a rollout, which requires"


def stacks(content: dict[str, Any], context: dict[str, Any] | None = None) -> list[StackSettings]:
    return stacks_of(config.Settings(content), context or {})


def error_of(content: dict[str, Any], context: dict[str, Any] | None = None) -> str:
    with pytest.raises(config.ConfigError) as caught:
        stacks(content, context)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "of_cdk", "message"),
    [
        # even if both roles override the value
        (
            {"role-path": "pump", **{role: {"role-path": "/pump/"} for role in ROLES}},
            ABSENT,
            "pump.json: role-path: 'pump' is not a path",
        ),
        (
            {**ROLLED_OUT, "max-concurrent-percentage": 101},
            ABSENT,
            "pump.json: max-concurrent-percentage: 101 is not a whole number from ",
        ),
        (
            {"read-only": {"account": 123456789012}},
            ABSENT,
            "pump.json: read-only.account: 123456789012 is not a 12-digit account ID; put the num",
        ),
        *(
            ({}, ignored, f"{BOUNDARY_OF_CDK}: must be an object with a name or an arn, or the CDK")
            for ignored in ("Mine", "", None, ["x"], {}, {"foo": 1}, {"name": ["x"]}, {"arn": ""})
        ),
        (
            {"read-only": {"account": "1" * 12}, "auto-pilot": {}},
            {"name": "Org-${AWS::AccountId}"},
            f"{BOUNDARY_OF_CDK}: 'Org-${{AWS::AccountId}}' contains ${{AWS::AccountId}}, which ",
        ),
        (
            {BOUNDARY: "Mine"},
            {"name": "Org"},
            f"pump.json: {BOUNDARY}: must be the same policy as {BOUNDARY_OF_CDK}, which replaces",
        ),
        (
            {"delegated-admin": False, "auto-pilot": {}},
            ABSENT,
            f"pump.json: delegated-admin: {NO_ROLLOUT} read-only.{TARGETS} or auto-pilot.{TARGETS}",
        ),
        (
            {"auto-pilot": UNITS, "read-only": {"only-accounts": ["1" * 12]}},
            ABSENT,
            f"pump.json: read-only.only-accounts: {NO_ROLLOUT} read-only.{TARGETS}",
        ),
        (
            {"read-only": UNITS, **DELEGATED, "auto-pilot": {BOUNDARY: "Boundary"}},
            ABSENT,
            f"pump.json: auto-pilot.{BOUNDARY}: a delegated administrator deploys the auto-pilot ",
        ),
        (
            {"read-only": {**UNITS, "account": "1" * 12}, **DELEGATED},
            ABSENT,
            "pump.json: read-only.account: is that of the role's own stack, which a delegated adm",
        ),
        *(
            (
                {"roles": ["read-only"], "auto-pilot": own},
                ABSENT,
                f"pump.json: auto-pilot.{next(iter(own))}: has no effect, because roles leaves",
            )
            for own in ({"account": "1" * 12}, UNITS, {"guardrails": ["no-selling"]})
        ),
        *(
            ({**ROLLED_OUT, name: {}}, ABSENT, f"pump.json: {name}.{key}: is required")
            for name, key in (("protection", "targets"), ("alarm", "emails"))
        ),
        (
            {"protection": {"targets": ["r-abcd"]}, "auto-pilot": {}},
            ABSENT,
            f"pump.json: protection.targets: {NO_ROLLOUT} read-only.{TARGETS} or auto-pilot.",
        ),
        (
            {**ROLLED_OUT, **DELEGATED, "protection": {"targets": ["r-abcd"]}},
            ABSENT,
            "pump.json: protection.targets: only the management account has the organization's",
        ),
        (
            {**ROLLED_OUT, "protection": {"targets": ["r-abcd"], "trust": True}},
            ABSENT,
            "pump.json: protection.trust: requires principal, Pump's account",
        ),
        (
            {"roles": ["read-only"], "alarm": {"emails": ["a@example.com"]}},
            ABSENT,
            "pump.json: alarm.emails: has no effect, because roles leaves out the auto-pilot role",
        ),
        (
            {"alarm": {"emails": ["a@example.com"]}},
            ABSENT,
            "pump.json: alarm.emails: has no effect without the auto-pilot role; to add the role, ",
        ),
        (
            {"read-only": UNITS, "auto-pilot": {}, **DELEGATED, "alarm": REQUIRED["alarm"]},
            ABSENT,
            "pump.json: alarm.emails: a delegated administrator deploys the auto-pilot role only",
        ),
        *(
            (
                {"auto-pilot": {}, "alarm": {**REQUIRED["alarm"], **own}},
                ABSENT,
                f"pump.json: alarm.{message}",
            )
            for own, message in (
                (
                    {"regions": ["eu-west-1", "us-east-1"]},
                    "regions: 'us-east-1' is where the alarm is; list only the others",
                ),
                (
                    {"regions": ["cn-north-1"]},
                    "regions: 'cn-north-1' sends no events to another Region; deploy the alarm",
                ),
                (
                    {"regions": ["eu-wset-1"]},
                    "regions: 'eu-wset-1' is not a Region; did you mean eu-west-1?",
                ),
                (
                    {"from-organization": "o-abcd123456"},
                    "from-organization: requires alarm.account, that of the alarm",
                ),
                (
                    {"stop-page": "http://wiki.example.com"},
                    "stop-page: 'http://wiki.example.com' is not the address of a page, such as ",
                ),
            )
        ),
        *(
            (settings, ABSENT, f"pump.json: {message}")
            for settings, message in (
                (
                    {"auto-pilot": {"approval-ends": "20:00"}},
                    "auto-pilot.approval-ends: requires the guardrail only-when-approved, whose t",
                ),
                (
                    {"auto-pilot": {"approval-ends": "8 pm", "guardrails": ["recommended"]}},
                    "auto-pilot.approval-ends: '8 pm' is not a time of day in UTC, from 00:00 to",
                ),
                (
                    {"approval-ends": "20:00"},
                    'approval-ends: unknown key; it applies to one role, so put it into "auto-p',
                ),
                (
                    {"read-only": {"approval-ends": "20:00"}},
                    "read-only.approval-ends: unknown key; it applies to one role, so put it into",
                ),
                (
                    {"roles": ["read-only"], "auto-pilot": {"approval-ends": "20:00"}},
                    "auto-pilot.approval-ends: has no effect, because roles leaves out the auto-",
                ),
            )
        ),
        (
            {"roles": ["read-only"], "region": "eu-west-1"},
            ABSENT,
            f"pump.json: region: {NO_ROLLOUT} read-only.{TARGETS}",
        ),
    ],
)
def test_wrong_value_and_key_without_effect_are_errors_before_a_stack_is_built(
    content: dict[str, Any], of_cdk: Any, message: str
) -> None:
    context = {} if of_cdk is ABSENT else {BOUNDARY_OF_CDK: of_cdk}
    assert error_of(content, context).startswith(message)


@pytest.mark.parametrize(
    ("own", "of_cdk"),
    [
        ("platform/Org", {"name": "platform/Org"}),
        ("platform/Org", {"arn": "arn:aws:iam::111122223333:policy/platform/Org"}),
        ("arn:aws:iam::aws:policy/Org", {"arn": "arn:aws-cn:iam::aws:policy/Org"}),
    ],
)
def test_boundary_of_the_app_and_of_cdk_may_be_the_same_policy(
    own: str, of_cdk: dict[str, str]
) -> None:
    content, context = {"permissions-boundary": own, "read-only": UNITS}, {BOUNDARY_OF_CDK: of_cdk}
    for stack in stacks(content, context):
        assert stack.arguments["permissions_boundary"] == own
        assert stack.summary.count(f"boundary: {own}") == 1
    content["permissions-boundary"] = "Org"
    assert "must be the same policy" in error_of(content, context)


@pytest.mark.parametrize("account", ["", "111122223333"])
@pytest.mark.parametrize(
    "placeholder", ["Qualifier", "AWS::AccountId", "AWS::Partition", "AWS::Region"]
)
def test_placeholder_of_cdks_boundary_is_an_error_if_and_only_if_the_cdk_cannot_replace_it(
    placeholder: str, account: str
) -> None:
    context = {BOUNDARY_OF_CDK: {"name": f"Org-${{{placeholder}}}"}}
    content = {"roles": ["read-only"], "read-only": {"account": account} if account else {}}
    env = Environment(account=account) if account else None
    try:
        ReadOnlyStack(App(context=context), "Pump", env=env)
    except RuntimeError as error:
        assert "includes a pseudo parameter" in str(error)
        assert f"contains ${{{placeholder}}}, which" in error_of(content, context)
    else:
        assert stacks(content, context)


def test_rollout_requires_a_boundary_if_the_cdk_gives_one_to_every_role(tmp_path: Path) -> None:
    (tmp_path / "pump.json").write_text(json.dumps({"read-only": UNITS}))
    context = {BOUNDARY_OF_CDK: {"name": "Org"}}
    *_, rollout = stacks_of(config.read({}, tmp_path), context)
    problem = f"pump.json: {BOUNDARY}: the app's boundary Org does not reach the accounts"
    with pytest.raises(config.ConfigError, match=problem):
        rollout.build(App(context=context))


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"read-only": {"role-path": "/x/"}},
        {"external-id": "x"},
        {"pump": "x", "pumpkin": {}, "availability-zones": []},
        {"pump-station:guardrails": "x"},
    ],
    ids=str,
)
def test_context_keys_of_others_are_ignored(context: dict[str, Any], tmp_path: Path) -> None:
    settings = config.read(context, tmp_path)
    assert (settings.content, settings.file) == ({}, "")
    found = stacks_of(settings, context)
    assert [(stack.stack_id, dict(stack.arguments)) for stack in found] == [
        (stack, {}) for stack in STACKS
    ]


@pytest.mark.parametrize(
    "key",
    [
        *("pump:read-only:role-path", "pump:setting", "pump:", "pump:\n\u202e\u202e\u202e"),
        *("Pump:settings", "pump:Settings", "PUMP:guardrails"),
    ],
)
def test_other_key_in_the_context_is_an_error_that_says_where_settings_go(
    key: str, tmp_path: Path
) -> None:
    (tmp_path / "pump.json").write_text("{}")
    shown = key.encode("unicode_escape").decode()
    for also in ({}, {"pump:settings": "pump.json"}):
        with pytest.raises(config.ConfigError) as caught:
            config.read({**also, key: "value"}, tmp_path)
        place = "into pump.json, or into the file that -c pump:settings=FILE names"
        assert str(caught.value) == f"{shown}: settings go {place}"


GOOD: dict[str, Any] = {
    "roles": ["read-only", "auto-pilot"],
    "principal": "999988887777",
    "account": "111111111111",
    "role-path": "/pump/",
    "organizational-units": ["ou-abcd-12345678"],
    "exclude-accounts": ["111111111111"],
    "only-accounts": ["111111111111"],
    "max-concurrent-percentage": 5,
    "failure-tolerance-percentage": 5,
    "max-concurrent-count": 1,
    "failure-tolerance-count": 0,
    "region": "eu-west-1",
    "depends-on": ["arn:aws:cloudformation:us-east-1:111122223333:stackset/Boundary:1a2b-3c4d"],
    "tags": {"team": "platform", "cost-center": "a=b"},
    "termination-protection": True,
    "delegated-admin": True,
    "guardrails": ["recommended"],
    "targets": ["r-abcd"],
    "approvers": ["platform/PumpApprover"],
    "boundary-managers": ["platform/Pipeline"],
    "stack-sets": ["PlatformBoundary"],
    "trust": True,
    "keep-in-organization": False,
    "emails": ["platform@example.com"],
    "regions": ["eu-west-1"],
    "from-organization": "o-abcd123456",
    "stop-page": "https://wiki.example.com/pump/stop",
    "approval-ends": "06:30",
    **{
        name: [*guardrail.values] if isinstance(validator, ListOf) else guardrail.values[0]
        for name, guardrail in FILLED.items()
        for validator, _ in [WITH_VALUE[name]]
    },
}


def around_the_roles(parent: str, own: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the object of a stack around the roles, and what it requires."""
    return {**ROLLED_OUT, "principal": PUMP_ACCOUNT, parent: {**REQUIRED[parent], **own}}


@pytest.mark.parametrize(
    ("role_names", "last"),
    [
        ({"read-only": "Vendor", "auto-pilot": "Vendor"}, "Vendor"),
        ({"auto-pilot": "vendor", "read-only": "Vendor"}, "vendor"),
        ({"auto-pilot": "pumpREADONLYrole"}, "pumpREADONLYrole"),
    ],
)
def test_roles_cannot_have_one_name(role_names: dict[str, str], last: str) -> None:
    message = error_of({role: {"role-name": name} for role, name in role_names.items()})
    assert message.startswith(f"pump.json: auto-pilot.role-name: {last!r} would be the name of ")
    exchanged = {"read-only": "PumpAutoPilotRole", "auto-pilot": "PumpReadOnlyRole"}
    assert stacks({role: {"role-name": name} for role, name in exchanged.items()})


ODD: list[Any] = [
    *[None, True, 1.5, float("nan"), 10**60, "", " ", ",", "a,,b", "\x00", "x" * 5_000],
    *[{}, {"a": [{}]}, [], [[]], [["a"]], [None], [1.5], ["a", ["b"]], list(range(2_000))],
    *["9999-12-31T23:59:59-12:00", "2027-02-30T00:00:00Z", "2027-01-31T18:00:00+99:99"],
]
PYTHON = (
    "datetime|timedelta|NoneType|object|indices|callable|iterable|subscript|attribute|class|range "
)


LIKE_A_TIME = {"external-id", "next-external-id", "role-name", "permissions-boundary"}


@pytest.mark.parametrize("name", sorted({key.name for key in config.KEYS} - LIKE_A_TIME))
def test_odd_value_gets_one_plain_line(name: str) -> None:
    shared = config.Key("", name) in config.KEYS
    parents = {key.name: key.parent for key in config.KEYS if key.parent in REQUIRED}
    parent = parents.get(name, "auto-pilot")
    key = name if shared and name in {"delegated-admin", "roles"} else f"{parent}.{name}"
    accepted: list[Any] = [{}] if name == "tags" else [True] * isinstance(GOOD.get(name), bool)
    for value in ODD:
        own = {name: value}
        content = {"auto-pilot": {**UNITS, **own}} if "." in key else {**ROLLED_OUT, **own}
        if parent in REQUIRED:
            content = around_the_roles(parent, own)
        if value in accepted:
            assert stacks(content)
            continue
        message = error_of(content)
        assert message.startswith(f"pump.json: {key}: ")
        assert message.isprintable()
        assert len(message) < 450
        assert not re.search(PYTHON, message)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ["PumpReadOnly"]),
        ({"guardrails": ["recommended"]}, ["PumpReadOnly"]),
        ({"auto-pilot": {}}, STACKS),
        ({"auto-pilot": UNITS}, [*STACKS, "PumpAutoPilotRollout"]),
        ({**ROLLED_OUT, "delegated-admin": False}, [*STACKS, *ROLLOUTS]),
        ({**ROLLED_OUT, **DELEGATED}, ROLLOUTS),
        ({"read-only": UNITS, **DELEGATED}, ["PumpReadOnlyRollout"]),
        ({"roles": ["read-only"]}, ["PumpReadOnly"]),
        ({"roles": ["auto-pilot"]}, ["PumpAutoPilot"]),
        ({"roles": ["auto-pilot", "read-only"]}, STACKS),
        (
            {**ROLLED_OUT, **REQUIRED},
            [*STACKS, *ROLLOUTS, "PumpProtection", "PumpAlarm"],
        ),
        (
            {"alarm": {**REQUIRED["alarm"], "regions": ["eu-west-1"]}, "auto-pilot": APPROVED},
            [*STACKS, "PumpAlarm", "PumpAlarmForwarder", "PumpApproval"],
        ),
        (
            {"auto-pilot": UNITS, **DELEGATED, "alarm": REQUIRED["alarm"]},
            ["PumpAutoPilotRollout", "PumpAlarm"],
        ),
        (
            {"roles": ["read-only"], "read-only": UNITS, "auto-pilot": {}},
            ["PumpReadOnly", "PumpReadOnlyRollout"],
        ),
    ],
)
def test_app_has_the_stacks_of_its_roles_and_rollouts(
    content: dict[str, Any], expected: list[str]
) -> None:
    assert [stack.stack_id for stack in stacks(content)] == expected


def test_account_is_that_of_the_roles_own_stack_whose_template_stays_the_same(
    tmp_path: Path,
) -> None:
    own = {"auto-pilot": {"account": "222233334444"}, "read-only": UNITS}
    kept = {"permissions-boundary": "platform/Boundary", "external-id": "Example-1234-5678"}
    templates = {}
    for name, content in {"none": {"read-only": UNITS, "auto-pilot": {}}, "named": own}.items():
        (tmp_path / "pump.json").write_text(json.dumps(kept | content))
        assembly = build(tmp_path).synth()
        templates[name] = {
            stack.stack_name: Path(stack.template_full_path).read_bytes()
            for stack in assembly.stacks
        }
    assert {stack.stack_name: stack.environment.account for stack in assembly.stacks} == {
        "PumpReadOnly": "unknown-account",
        "PumpReadOnlyRollout": "unknown-account",
        "PumpAutoPilot": "222233334444",
    }
    assert templates["named"] == templates["none"]


ORGANIZATION = {"account": "444455556666", "from-organization": "o-abcd123456"}


@pytest.mark.parametrize(
    ("own", "alarm", "forwarder"),
    [
        (
            {"regions": ["eu-west-1"], "stop-page": "https://wiki.example.com/stop"},
            {"stop_page": "https://wiki.example.com/stop"},
            {},
        ),
        (
            ORGANIZATION,
            {"from_organization": "o-abcd123456", "env": Environment(account="444455556666")},
            {"account": "444455556666"},
        ),
    ],
)
def test_alarm_hears_of_both_roles_and_its_account_gets_the_events(
    own: dict[str, Any], alarm: dict[str, Any], forwarder: dict[str, Any]
) -> None:
    names = {"roles": ["PumpReadOnlyRole", "Buyer"]}
    content = {"auto-pilot": {"role-name": "Buyer"}, "alarm": {**REQUIRED["alarm"], **own}}
    *_, to, by = stacks(content)
    assert (to.stack_id, by.stack_id) == ("PumpAlarm", "PumpAlarmForwarder")
    shown = [{**found.arguments, "env": repr(found.arguments.get("env"))} for found in (to, by)]
    expected: list[dict[str, Any]] = [
        {**REQUIRED["alarm"], **names, **alarm},
        {**names, **forwarder},
    ]
    for arguments, one in zip(shown, expected, strict=True):
        env = one.pop("env", None)
        assert (arguments.pop("env") == "None") == (env is None)
        assert arguments == one


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({}, {"role": "PumpAutoPilotRole"}),
        ({"role-name": "Buyer", "role-path": "/pump/"}, {"role": "pump/Buyer"}),
        ({"account": "1" * 12}, {"role": "PumpAutoPilotRole", "env": "1" * 12}),
        ({"account": "1" * 12, **UNITS}, {"role": "PumpAutoPilotRole"}),
    ],
)
def test_approval_of_the_role_ends_wherever_the_role_is(
    own: dict[str, Any], found: dict[str, Any]
) -> None:
    *_, approval = stacks({"auto-pilot": {**APPROVED, **own}})
    arguments = dict(approval.arguments)
    if "env" in arguments:
        arguments["env"] = arguments["env"].account
    assert arguments == {"at": "20:00", **found}


@pytest.mark.parametrize("listed", [[], ["platform/PumpApprover"], ["PumpApprovalEnd"]])
def test_role_that_ends_an_approval_is_an_approver_without_being_listed(listed: list[str]) -> None:
    protection: dict[str, Any] = {
        **REQUIRED["protection"],
        **({"approvers": listed} if listed else {}),
    }
    content = {"auto-pilot": {**UNITS, **APPROVED}, "protection": protection}
    (stack,) = (found for found in stacks(content) if found.stack_id == "PumpProtection")
    assert stack.arguments["approvers"] == [*{**dict.fromkeys(listed), "PumpApprovalEnd": None}]
    del content["auto-pilot"]["approval-ends"]
    (stack,) = (found for found in stacks(content) if found.stack_id == "PumpProtection")
    assert stack.arguments.get("approvers", []) == listed


@pytest.mark.parametrize(
    "name", ["account", "organizational-units", "exclude-accounts", "only-accounts", "role-name"]
)
def test_key_of_one_role_is_an_error_at_the_top_level(name: str) -> None:
    value = GOOD.get(name, "Vendor")
    assert error_of({**ROLLED_OUT, name: value}) == (
        f"pump.json: {name}: unknown key; it applies to one role, so put it into "
        '"read-only" or "auto-pilot"'
    )
    assert stacks({"read-only": {**UNITS, name: value}})


def test_shared_guardrail_applies_to_the_roles_that_have_what_it_denies(synth: Synth) -> None:
    templates = synth(
        {
            "guardrails": ["recommended", "no-commitments"],
            "only-in-regions": ["us-east-1"],
            "invitations-from": "111122223333",
            "auto-pilot": {},
        }
    )
    assert list(policies_of(templates["PumpReadOnly"]))[1:] == ["PumpGuardrailMetadataOnly"]
    assert list(policies_of(templates["PumpAutoPilot"]))[4:] == sorted(
        [
            *(guardrail.policy_name for guardrail in parts_of(Guardrail.RECOMMENDED)),
            "PumpGuardrailNoCommitments",
            "PumpGuardrailOnlyInRegions",
            "PumpGuardrailInvitationsFrom",
        ]
    )


def test_guardrails_of_both_roles_and_of_one_add_up_also_in_its_rollout(synth: Synth) -> None:
    templates = synth(
        {
            "guardrails": ["recommended"],
            "until": "2927-01-31T18:00:00Z",
            "auto-pilot": {
                "guardrails": ["metadata-only", "no-selling"],
                "only-in-regions": ["us-east-1", "eu-west-1"],
                "organizational-units": ["r-abcd"],
            },
        }
    )
    assert [*policies_of(templates["PumpReadOnly"])][1:] == [
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailUntil",
    ]
    own = policies_of(templates["PumpAutoPilot"])
    single = [*parts_of(Guardrail.RECOMMENDED), Guardrail.NO_SELLING]
    expected = {guardrail.policy_name for guardrail in single}
    expected |= {"PumpGuardrailOnlyInRegions", "PumpGuardrailUntil"}
    assert [*own][4:] == sorted(expected)
    assert policies_of(member_template(templates["PumpAutoPilotRollout"])) == own


def of_auto_pilot(content: dict[str, Any]) -> list[Guardrail]:
    """Return what the settings deny the auto-pilot role."""
    found: list[Guardrail] = stacks(content)[1].arguments.get("guardrails", [])
    return found


@given(
    st.sets(st.sampled_from(Guardrail.names()), min_size=1),
    st.sets(st.sampled_from(Guardrail.names()), min_size=1),
)
def test_no_guardrail_of_either_list_vanishes(shared: set[str], own: set[str]) -> None:
    found = of_auto_pilot({"guardrails": [*shared], "auto-pilot": {"guardrails": [*own]}})
    assert {part for guardrail in found for part in parts_of(guardrail)} == {
        part for name in shared | own for part in parts_of(Guardrail.named(name))
    }


@pytest.mark.parametrize(
    ("shared", "own", "together"),
    [
        (["recommended"], ["recommended", "no-selling"], ["recommended", "no-selling"]),
        (["recommended"], ["metadata-only"], ["recommended"]),
        (["metadata-only", "hands-off"], ["recommended"], ["hands-off", "recommended"]),
    ],
)
def test_guardrail_of_both_lists_counts_once(
    shared: list[str], own: list[str], together: list[str]
) -> None:
    content = {"guardrails": shared, "auto-pilot": {"guardrails": own}}
    assert [guardrail.name for guardrail in of_auto_pilot(content)] == together


@pytest.mark.parametrize(
    ("name", "shared", "own", "left"),
    [
        ("until", "2927-01-31T18:00:00Z", "2926-01-31T18:00:00Z", "2926-01-31T18:00:00Z"),
        ("until", "2926-01-31T18:00:00Z", "2927-01-31T18:00:00Z", "2926-01-31T18:00:00Z"),
        ("until", "2926-01-31T18:00:00Z", "2926-01-31T18:30:00+01:00", "2926-01-31T17:30:00Z"),
        ("only-in-regions", ["us-east-1"], ["us-east-1", "eu-west-1"], ["us-east-1"]),
        (
            "only-in-regions",
            ["us-east-1", "us-east-2", "us-west-2"],
            ["eu-west-1", "us-west-2", "us-east-1"],
            ["us-east-1", "us-west-2"],
        ),
        ("invitations-from", "1" * 12, "1" * 12, "1" * 12),
    ],
)
def test_of_two_values_remains_what_both_leave(name: str, shared: Any, own: Any, left: Any) -> None:
    both = {name: shared, "auto-pilot": {name: own}}
    assert of_auto_pilot(both) == of_auto_pilot({name: left, "auto-pilot": {}})
    assert of_auto_pilot({"auto-pilot": {name: own}}) != []


@pytest.mark.parametrize(
    ("name", "shared", "own", "shown"),
    [
        ("only-in-regions", ["us-east-1"], ["us-east-2", "eu-west-1"], "eu-west-1, us-east-2"),
        ("invitations-from", "1" * 12, "2" * 12, "2" * 12),
    ],
)
def test_two_values_that_leave_nothing_are_an_error(
    name: str, shared: Any, own: Any, shown: str
) -> None:
    listed = shared if isinstance(shared, str) else ", ".join(shared)
    assert error_of({name: shared, "auto-pilot": {name: own}}) == (
        f"pump.json: auto-pilot.{name}: {shown} has no value in common with {name}, which also "
        f"applies: {listed}"
    )


Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read the settings of a file, with context; returns the arguments of each stack."""

    def arguments_of(content: object, context: dict[str, Any] | None = None) -> list[Any]:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "pump.json").write_text(text, encoding="utf-8")
        return [dict(stack.arguments) for stack in stacks_of(config.read(context or {}, tmp_path))]

    return arguments_of


def test_every_key_changes_what_the_stacks_get(read: Read) -> None:
    for key in config.KEYS:
        own = {key.name: GOOD.get(key.name, "Value")}
        units = {"read-only": UNITS} if key.name == "roles" else ROLLED_OUT
        content = {key.parent: {**UNITS, **own}} if key.parent else own
        if key.parent in REQUIRED:
            also = {"account": "1" * 12} if key.name == "from-organization" else {}
            content = around_the_roles(key.parent, {**also, **own})
            units = {**units, "principal": PUMP_ACCOUNT}
        if key.name == "approval-ends":
            units = {**units, "guardrails": ["only-when-approved"]}
        if key.name == "organizational-units":
            units = {}
        assert read({**units, **content}) != read(units), key


def test_roles_own_key_overrides_the_one_for_both_and_what_it_cannot_be_combined_with(
    read: Read,
) -> None:
    file = {BOUNDARY: "Shared", "read-only": {BOUNDARY: "Own"}, "auto-pilot": {}}
    assert [found["permissions_boundary"] for found in read(file)] == ["Own", "Shared"]
    own = {**UNITS, "max-concurrent-count": 1}
    *_, rollout = read({"max-concurrent-percentage": 5, "read-only": own})
    assert rollout == {
        "organizational_units": ["r-abcd"],
        "configure_app": None,
        "max_concurrent_count": 1,
    }


def test_byte_order_mark_in_the_file_does_not_count(read: Read) -> None:
    assert read('\ufeff{"role-path": "/pump/"}') == [{"path": "/pump/"}]


def test_no_file_is_no_error_and_a_named_file_that_is_missing_is_one(tmp_path: Path) -> None:
    assert config.read({}, tmp_path) == config.Settings({}, "")
    with pytest.raises(config.ConfigError, match=r"prod\.json: there is no such file$"):
        config.read({"pump:settings": "prod.json"}, tmp_path)
    (tmp_path / "pump.json").symlink_to("elsewhere.json")
    with pytest.raises(config.ConfigError, match=r"pump\.json: there is no such file$"):
        config.read({}, tmp_path)


MISNAMED = (
    *("pump.jsn", "Pump.json", "PUMP.JSON", "pump.json.txt", "pump.yaml", "pump.yml", "pump.txt"),
    *("pump.toml", "pump.jsonc", "pump.js", "pump", "pmup.json", "pumps.json", "pump.json~"),
    *(".pump.json", "pump_json", "pump.json.example", "pump.json ", "pump\n.json", "pump (1).json"),
)
OTHERS = (
    *(
        "pump-report.json",
        "pump-verify.json",
        "pump_roles",
        "PumpReadOnly.template.json",
        "cdk.json",
    ),
    *("pump.md", "pump.py", "pump.png", "pump-prod.json", "package.json", "jump.md", "pumpkin.txt"),
)


@pytest.mark.parametrize("name", MISNAMED)
def test_file_named_almost_like_the_settings_is_an_error_without_them(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text('{"guardrails": ["recommended"]}')
    with pytest.raises(config.ConfigError) as raised:
        config.read({}, tmp_path)
    shown = name.replace("\n", r"\n")
    assert str(raised.value) == (
        f"{shown}: the settings file must be named pump.json; rename it, or name it with "
        "-c pump:settings=FILE"
    )
    assert config.read({"pump:settings": name}, tmp_path).file == str(file)
    (tmp_path / "pump.json").write_text("{}")
    assert config.read({}, tmp_path) == config.Settings({}, str(tmp_path / "pump.json"))


def test_files_with_other_names_and_folders_are_not_taken_for_the_settings(tmp_path: Path) -> None:
    for name in OTHERS:
        (tmp_path / name).touch()
    (tmp_path / "pump").mkdir()
    assert config.read({}, tmp_path) == config.Settings({}, "")


@given(
    position=st.integers(0, len(config.FILE) - 1),
    typed=st.characters(codec="utf-8", exclude_characters="/\x00"),
    kind=st.sampled_from(["omitted", "added", "replaced"]),
)
def test_name_with_one_mistyped_character_is_taken_for_the_settings(
    position: int, typed: str, kind: str
) -> None:
    before, letter, after = (
        config.FILE[:position],
        config.FILE[position],
        config.FILE[position + 1 :],
    )
    name = {
        "omitted": before + after,
        "added": before + typed + letter + after,
        "replaced": before + typed + after,
    }[kind]
    with TemporaryDirectory() as folder:
        Path(folder, name).touch()
        if name == config.FILE:
            return
        with pytest.raises(config.ConfigError, match=r"the settings file must be named pump\.json"):
            config.read({}, Path(folder))


def test_named_file_is_read_instead_of_pump_json(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prod.json").write_text('{"role-path": "/prod/"}')
    named = {"pump:settings": "prod.json"}
    assert read({"permissions-boundary": "x"}, named) == [{"path": "/prod/"}]
    (tmp_path / "prod.json").write_text('{"role-paht": "/prod/"}')
    with pytest.raises(config.ConfigError, match=r"prod\.json: role-paht: unknown key"):
        stacks_of(config.read(named, tmp_path))


@pytest.mark.parametrize("value", [None, "", "\x00", True, ["prod.json"], {}])
def test_name_of_the_file_is_a_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"^pump:settings: .* is not the path of a sett"):
        config.read({"pump:settings": value}, tmp_path)


def build(folder: Path) -> App:
    """Build the stacks of the settings in a folder."""
    found = stacks_of(config.read({}, folder))
    app = App(default_stack_synthesizer=LegacyStackSynthesizer())
    for stack in found:
        stack.build(app)
    return app


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not a settings file: it is not JSON: the error is in line 1, column 2"),
        (
            '{"read-only": {"tags": {"a": "b", "a": "b"}}}',
            "is not a settings file: it is not JSON: the key 'a' is listed twice",
        ),
        ([], "is not a settings file: it is not a JSON object"),
        ({"read-only": "x"}, "read-only: must be an object, with keys of its own"),
        *(
            ({key: None}, f"{key}: must be an object, with keys of its own")
            for key in config.OBJECTS
        ),
        *(
            ({parent: {name: None}} if parent else {name: None}, f"{key}: null is not a value; o")
            for key in config.KEYS
            for parent, name in [key]
        ),
        ({"guardrails": [None]}, "guardrails: None is not the name of a guardrail"),
        ({"tags": {"team": None}}, "tags: {'team': None} is not a mapping of strings to strings"),
        ({"readonly": {}}, "readonly: unknown key; did you mean read-only?"),
        ({"read-only": {"foo": 1}}, "read-only.foo: unknown key; the keys of read-only are princ"),
        ({"read-only.foo": 1}, "read-only.foo: unknown key; the keys of read-only are principal,"),
        ({"read-only": {"role-nam": "x"}}, "read-only.role-nam: unknown key; did you mean role-"),
        ({"protection": []}, "protection: must be an object, with keys of its own"),
        (
            {"protection": {"tragets": []}},
            "protection.tragets: unknown key; did you mean targets?",
        ),
        (
            {"alarm": {"key": ""}},
            "alarm.key: unknown key; the keys of alarm are emails",
        ),
        ({"targets": ["r-abcd"]}, 'targets: unknown key; put it into "protection"'),
        (
            {
                **ROLLED_OUT,
                "protection": {"targets": ["r-abcd"], "approvers": ["PumpReadOnlyRole"]},
            },
            "protection.approvers: PumpReadOnlyRole is a role of Pump; name roles of your own",
        ),
        (
            {
                "read-only": {**UNITS, "role-name": "stacksets-exec-1"},
                "protection": {"targets": ["r-abcd"]},
            },
            "PumpProtection: stacksets-exec-1 is named as the execution roles of StackSets, which",
        ),
        (
            {
                "principal": PUMP_ACCOUNT,
                "read-only": UNITS,
                "auto-pilot": {**UNITS, "principal": "111122223333"},
                "protection": {"targets": ["r-abcd"], "trust": True},
            },
            "auto-pilot.principal: 111122223333, the principal of a role, is in another account",
        ),
        (
            # Without a rollout.
            {
                "principal": PUMP_ACCOUNT,
                "read-only": UNITS,
                "auto-pilot": {"account": "111122223333", "principal": "111122223333"},
                "protection": {"targets": ["r-abcd"], "trust": True},
            },
            "auto-pilot.principal: 111122223333, the principal of a role, is in another account",
        ),
        (
            {
                "read-only": {**UNITS, "principal": PUMP_ACCOUNT},
                "auto-pilot": {"account": "111122223333"},
                "protection": {"targets": ["r-abcd"], "trust": True},
            },
            "protection.trust: requires principal, Pump's account",
        ),
        ({"settings": "x.json"}, "settings: unknown key; the keys are principal, "),
        (
            {"\n\u202e\u202e\u202e": "x"},
            r"\n\u202e\u202e\u202e: unknown key; the keys are principal, ",
        ),
        (
            {"pump:read-only:guardrails": []},
            "pump:read-only:guardrails: unknown key; did you mean read-only.guardrails?",
        ),
        (
            {"read-only.guardrails": []},
            "read-only.guardrails: unknown key; put guardrails into the object read-only",
        ),
        *(
            (
                {"read-only": {name: value}},
                f"read-only.{name}: unknown key; it applies to both roles, so use {name}",
            )
            for name, value in {"delegated-admin": False, "roles": ["read-only"]}.items()
        ),
        (
            {"read-only": {"needed-only": True}},
            "read-only.needed-only: unknown key; needed-only is a guardrail; use it as a value of ",
        ),
        ({"roles": ["autopilot"]}, "roles: 'autopilot' is not read-only or auto-pilot"),
        ({"external-id": 12}, "external-id: the value is not an external ID: "),
        (
            {"external-id": "a secret"},
            "external-id: the value is not an external ID: 2 to 1,224 of",
        ),
        (
            {"guardrails": ["recomended"]},
            "guardrails: there is no guardrail 'recomended'; did you mean recommended?",
        ),
        (
            {"auto-pilot": {"guardrails": ["until"]}},
            "auto-pilot.guardrails: until takes a value; use the key auto-pilot.until, ",
        ),
        *(
            (content, f"{key}: {guardrail} would have no effect on the read-only role")
            for content, key, guardrail in [
                (
                    {"guardrails": ["recommended"], "read-only": {"guardrails": ["no-selling"]}},
                    *("read-only.guardrails", "no-selling"),
                ),
                (
                    {"read-only": {"only-in-regions": ["us-east-1"]}},
                    *("read-only.only-in-regions", "only-in-regions"),
                ),
                *(
                    ({"guardrails": ["no-selling"], **more}, "guardrails", "no-selling")
                    for more in ({"roles": ["read-only"]}, {"read-only": UNITS, **DELEGATED})
                ),
            ]
        ),
        *(
            (
                {"auto-pilot": {**own, "guardrails": ["only-when-approved"]}, **shared},
                f"{key}: 'Pump-Commitments' may open the guardrail only-when-approved; set it only",
            )
            for own, shared, key in [
                ({}, OPENING, "tags"),
                ({**UNITS, **OPENING}, {}, "auto-pilot.tags"),
            ]
        ),
        (
            {"external-id": "Example-1234", "next-external-id": "Example-1234"},
            "next-external-id: it must differ from the external ID that is already accepted",
        ),
        (
            {"auto-pilot": UNITS, "max-concurrent-count": 1, "max-concurrent-percentage": 1},
            "max-concurrent-count: cannot be combined with max-concurrent-percentage",
        ),
        (
            {"auto-pilot": {name: GOOD[name] for name in (*UNITS, "only-accounts", "depends-on")}},
            "auto-pilot.depends-on: cannot be combined with auto-pilot.only-accounts",
        ),
    ],
)
def test_error_names_the_file_and_the_key(
    content: object, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "pump.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(config.ConfigError) as caught:
        build(Path())
    assert str(caught.value).startswith(f"pump.json: {problem}")
    assert "\n" not in str(caught.value)


def test_tags_and_protection_are_of_the_stacks_and_not_of_the_member_template(
    synth: Synth, tmp_path: Path
) -> None:
    stack_tags = {"team": "platform", "cost-center": "a=b"}
    settings = {**ROLLED_OUT, "tags": stack_tags, "termination-protection": True}
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    app = build(tmp_path)
    plain = synth(ROLLED_OUT)
    for stack in app.synth().stacks:
        assert (stack.tags, stack.termination_protection) == (stack_tags, True)
        for template in (stack.template, plain[stack.stack_name]):
            for resource in template["Resources"].values():
                resource["Properties"].pop("Tags", None)
        assert stack.template == plain[stack.stack_name]


def messages(app: App, level: str) -> list[str]:
    """Return what the synth says about an app's constructs."""
    return [text for found in app.node.find_all() for text in messages_of(found, level)]


def test_only_the_summary_says_that_a_rollout_is_not_for_the_management_account(
    tmp_path: Path,
) -> None:
    """A customer's own app has no summary: see ``tests/constructs/test_rollout.py``."""
    content = {**ROLLED_OUT, "until": "2026-01-31T18:00:00Z"}
    (tmp_path / "pump.json").write_text(json.dumps(content))
    app = build(tmp_path)
    assert messages(app, "info") == []
    # Other messages are still there.
    assert [text for text in messages(app, "warning") if "the role has no permissions" in text]
    said = [stack.stack_id for stack in stacks(content) if "; not the management" in stack.summary]
    assert said == ROLLOUTS


def test_stacks_around_the_roles_raise_no_alarm_and_verify_expects_their_policies(
    tmp_path: Path,
) -> None:
    for name, content in app_files(SCENARIOS["protected"]).items():
        (tmp_path / f"{name}.template.json").write_bytes(content)
    assert of_templates(tmp_path).findings == ()
    expected = expected_in(tmp_path).policies
    assert {policy.name: policy.attached_to for policy in expected} == {
        "ProtectPumpRoles": ("ou-abcd-12345678",),
        "StopPump": (),
        "PumpTrust": ("ou-abcd-12345678",),
    }
    assert not any(policy.unknown for policy in expected)


def test_protection_knows_the_roles_of_the_settings_and_forgets_none(tmp_path: Path) -> None:
    other = f"arn:aws:iam::{PUMP_ACCOUNT}:role/Other"
    settings: dict[str, Any] = {
        "principal": PRINCIPAL,
        "read-only": UNITS,
        "protection": {"targets": ["r-abcd"], "trust": True},
    }

    def policies(**more: Any) -> list[str]:
        (tmp_path / "pump.json").write_text(json.dumps({**settings, **more}))
        stack = Stack.of(build(tmp_path).node.find_child("PumpProtection"))
        _, *written = (policy for policy in stack.node.find_all() if isinstance(policy, CfnPolicy))
        return [json.dumps(stack.resolve(policy.content)) for policy in written]

    both = policies(**{"auto-pilot": {"account": "111122223333"}})
    assert policies(**{"auto-pilot": UNITS}) == both
    assert policies(roles=["read-only"]) == both
    own = policies(**{"auto-pilot": {"role-name": "Buyer", "principal": other}})
    for before, written in zip(both, own, strict=True):
        for name in ("PumpReadOnlyRole", "PumpAutoPilotRole"):
            assert before.count(f'/{name}"') == written.count(f'/{name}"') > 0
        assert ('/Buyer"' in before, '/Buyer"' in written) == (False, True)
    assert [json.dumps([PRINCIPAL, other]) in text for text in own] == [False, True]
