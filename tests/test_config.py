"""Context to arguments: the keys, which one wins, and one clear error for what is wrong."""

import re
from typing import Any

import pytest
from aws_cdk import App
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import Guardrail, config
from sandbox.guardrails import FILLED
from tests.support import (
    DOCUMENTED,
    ROLLOUTS,
    STACKS,
    Synth,
    member_template,
    policies_of,
    role_of,
)

UNITS = "pump:organizational-units"


def arguments(context: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(stack.arguments) for stack in config.read(context)]


def stacks(context: dict[str, Any]) -> list[str]:
    return [stack.stack_id for stack in config.read(context)]


def test_empty_context_gives_both_stacks_without_arguments() -> None:
    assert stacks({}) == STACKS
    assert arguments({}) == [{} for _ in STACKS]


def test_wrong_value_is_an_error_even_if_both_roles_override_it() -> None:
    own = {"pump:read-only:external-id": "abc", "pump:auto-pilot:external-id": "abc"}
    with pytest.raises(config.ConfigError, match=r"^pump:external-id: '' is not an external ID"):
        config.read({"pump:external-id": "", **own})


def test_shared_key_applies_to_both_roles_and_a_roles_own_key_wins() -> None:
    assert arguments(
        {
            "pump:auto-pilot:external-id": "own",
            "pump:external-id": "shared",
            "pump:principal": "999988887777",
            "pump:read-only:role-path": "/pump/",
            "pump:permissions-boundary": "Boundary",
            "pump:read-only:next-external-id": "next",
        }
    )[:2] == [
        {
            "external_id": "shared",
            "pump_principal": "999988887777",
            "path": "/pump/",
            "permissions_boundary": "Boundary",
            "next_external_id": "next",
        },
        {
            "external_id": "own",
            "pump_principal": "999988887777",
            "permissions_boundary": "Boundary",
        },
    ]


def test_context_of_other_tools_is_ignored() -> None:
    context = {"@aws-cdk/core:checkSecretUsage": True, "availability-zones": [], "pumpkin": {}}
    assert arguments(context) == [{} for _ in STACKS]


ROLE_NAMES = " or ".join(f"pump:{kind}:role-name" for kind in DOCUMENTED)
SHARED = [key for key in config.KEYS if key.count(":") == 1]


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"context": {"pump:until": "2927-01-31T18:00:00Z"}},
            "context: belongs in cdk.json; put pump:until at the top level of cdk.context.json",
        ),
        (
            {"context": {"a": 1, "pump:guardrial": "recommended"}},
            "context: belongs in cdk.json; put pump:guardrial at the top level of cdk.context.json",
        ),
        (
            {"pump:needed-only": True},
            (
                "pump:needed-only: unknown key; needed-only is a guardrail; use it as a value of "
                "pump:guardrails"
            ),
        ),
        (
            {"pump:auto-pilot:no-selling": True},
            (
                "pump:auto-pilot:no-selling: unknown key; no-selling is a guardrail; use it as a "
                "value of pump:auto-pilot:guardrails"
            ),
        ),
        (
            {"read-only": {"role-path": "/x/"}},
            f"read-only: unknown key; the keys are {', '.join(SHARED)}, {ROLE_NAMES}",
        ),
        (
            {"context": {"context": {"read-only": {"role-path": "/x/"}}}},
            "context: belongs in cdk.json; put context at the top level of cdk.context.json",
        ),
        (
            {
                "@aws-cdk/core:permissionsBoundary": {"name": "Org"},
                "pump:read-only:organizational-units": "r-abcd",
            },
            (
                "@aws-cdk/core:permissionsBoundary: does not reach the accounts of a rollout; set "
                "pump:permissions-boundary too"
            ),
        ),
        *(
            (
                {"@aws-cdk/core:permissionsBoundary": ignored},
                (
                    "@aws-cdk/core:permissionsBoundary: must be an object with a name or an arn, "
                    "or the CDK ignores it; set it in a file, because -c passes only strings"
                ),
            )
            for ignored in ("Mine", '{"name":"x"}', True, 5, ["x"], {"foo": 1}, {"name": ["x"]})
        ),
        (
            {
                "@aws-cdk/core:permissionsBoundary": {"name": "Org"},
                "pump:permissions-boundary": "Mine",
            },
            (
                "pump:permissions-boundary: must be the same policy as "
                "@aws-cdk/core:permissionsBoundary, which replaces it"
            ),
        ),
    ],
)
def test_key_that_would_have_no_effect_is_an_error(context: dict[str, Any], message: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read(context)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("own", "of_cdk"),
    [
        ("platform/Org", {"name": "platform/Org"}),
        ("platform/Org", {"arn": "arn:aws:iam::111122223333:policy/platform/Org"}),
        ("arn:aws:iam::aws:policy/Org", {"arn": "arn:${AWS::Partition}:iam::aws:policy/Org"}),
    ],
)
def test_boundary_of_the_app_and_of_cdk_may_be_the_same_policy(
    own: str, of_cdk: dict[str, str]
) -> None:
    context = {
        "@aws-cdk/core:permissionsBoundary": of_cdk,
        "pump:permissions-boundary": own,
        "pump:read-only:organizational-units": "r-abcd",
    }
    for stack in config.read(context):
        assert stack.arguments["permissions_boundary"] == own
        assert stack.summary.count(f"boundary: {own}") == 1
    with pytest.raises(config.ConfigError, match="must be the same policy"):
        config.read({**context, "pump:permissions-boundary": "Org"})


@pytest.mark.parametrize(
    "context",
    [
        {"context": {"vpc": "x"}},
        {"context": "prod"},
        {"@aws-cdk/core:permissionsBoundary": None},
        {"@aws-cdk/core:permissionsBoundary": False},
        {"readOnly": True},
        {"read-only": "yes"},
        {"auto_pilot": False},
        {"roleName": "Deployer"},
        {"role-name": "Deployer"},
        {"externalIp": "192.0.2.1"},
    ],
    ids=str,
)
def test_keys_of_others_are_ignored(context: dict[str, Any]) -> None:
    assert stacks(context) == STACKS


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("pump:externalid", "pump:external-id"),
        ("pump:autopilot:role-path", "pump:auto-pilot:role-path"),
        ("pump:read-only:boundary", "pump:read-only:permissions-boundary"),
        ("Pump:Principal", "pump:principal"),
        ("pump-principal", "pump:principal"),
        ("pump:read_only:external_id", "pump:read-only:external-id"),
        (" pump:external-id", "pump:external-id"),
        ("external-id", "pump:external-id"),
        ("permissions_boundary", "pump:permissions-boundary"),
        ("permissionsBoundary", "pump:permissions-boundary"),
        ("auto_pilot:guardrails", "pump:auto-pilot:guardrails"),
        ("organizational_units", "pump:organizational-units"),
        ("read-only:role-path", "pump:read-only:role-path"),
    ],
)
def test_unknown_key_is_an_error_with_the_nearest_one(key: str, nearest: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({key: "value"})
    assert str(caught.value) == f"{key}: unknown key; did you mean {nearest}?"


GOOD: dict[str, Any] = {
    "principal": "999988887777",
    "role-path": "/pump/",
    "organizational-units": ["r-abcd"],
    "exclude-accounts": "111111111111",
    "only-accounts": "111111111111",
    "max-concurrent-percentage": "5",
    "failure-tolerance-percentage": 5,
    "call-as": "delegated-admin",
    "guardrails": "recommended",
    **{name: ",".join(guardrail.values) for name, guardrail in FILLED.items()},
}


@given(st.sampled_from(config.KEYS) | st.from_regex(r"(?i)pump([:_-][:\w-]*)?", fullmatch=True))
def test_key_that_begins_with_pump_is_known_or_an_error(key: str) -> None:
    units = {} if key.endswith(UNITS.removeprefix("pump:")) else {UNITS: "r-abcd"}
    try:
        read = config.read({key: GOOD.get(key.rpartition(":")[2], "value"), **units})
    except config.ConfigError as error:
        assert key not in config.KEYS
        assert str(error).startswith(f"{key}: unknown key; ")
        assert "pump:" in str(error).removeprefix(key)
    else:
        assert key in {key for stack in read for key in stack.keys.values()}


@pytest.mark.parametrize("key", ["pump:role-name", "pumpRoleName", "Pump:Role-Name"])
def test_role_name_is_for_one_role(key: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({key: "Vendor"})
    assert str(caught.value) == (f"{key}: unknown key; did you mean {ROLE_NAMES}?")


def test_role_has_its_name_in_its_stack_and_in_its_rollout(synth: Synth) -> None:
    templates = synth({UNITS: "r-abcd", "pump:read-only:role-name": "Vendor"})
    for stack, name in {"PumpReadOnly": "Vendor", "PumpAutoPilot": "PumpAutoPilotRole"}.items():
        member = member_template(templates[f"{stack}Rollout"])
        assert [role_of(template)["RoleName"] for template in (templates[stack], member)] == [
            name,
            name,
        ]


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ({"read-only": "Vendor", "auto-pilot": "Vendor"}, "pump:auto-pilot:role-name: 'Vendor'"),
        ({"auto-pilot": "vendor", "read-only": "Vendor"}, "pump:auto-pilot:role-name: 'vendor'"),
        ({"read-only": "PumpAutoPilotRole"}, "pump:read-only:role-name: 'PumpAutoPilotRole'"),
        ({"auto-pilot": "pumpREADONLYrole"}, "pump:auto-pilot:role-name: 'pumpREADONLYrole'"),
    ],
)
def test_roles_cannot_have_one_name(names: dict[str, str], key: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({f"pump:{role}:role-name": name for role, name in names.items()})
    assert str(caught.value) == (
        f"{key} would be the name of both roles; role names must be unique in an account, "
        "ignoring case"
    )


def test_roles_can_exchange_their_names() -> None:
    names = {"read-only": "PumpAutoPilotRole", "auto-pilot": "PumpReadOnlyRole"}
    assert config.read({f"pump:{role}:role-name": name for role, name in names.items()})


@pytest.mark.parametrize(
    ("parameter", "cure"),
    [
        ("PumpIamRole", "pass --parameters PumpIamRole=..., or use the key pump:principal"),
        ("PumpExternalID", "pass --parameters PumpExternalID=..., or use the key pump:external-id"),
        ("pumpiamrole", "pass --parameters PumpIamRole=..., or use the key pump:principal"),
        ("PumpNextExternalID", "use the key pump:next-external-id"),
    ],
)
def test_template_parameter_is_not_a_key(parameter: str, cure: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({parameter: "value"})
    assert str(caught.value) == (f"{parameter}: is a template parameter, not a context key; {cure}")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("principal", "PRINCIPAL", "replace it with Pump's 12-digit account ID or its role's ARN"),
        *(
            (name, value, "replace it with the external ID that Pump created for you")
            for name in ("external-id", "next-external-id")
            for value in ("EXTERNAL_ID", "OLD_EXTERNAL_ID", "NEW_EXTERNAL_ID")
        ),
    ],
)
def test_placeholder_of_the_documentation_is_an_error_that_says_so(
    name: str, value: str, problem: str
) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({f"pump:{name}": value})
    assert str(caught.value) == f"pump:{name}: {value!r} is a placeholder; {problem}"


def test_principal_that_cannot_exist_is_an_error_even_if_another_key_overrides_it() -> None:
    own = {f"pump:{role}:principal": "9" * 12 for role in ("read-only", "auto-pilot")}
    with pytest.raises(config.ConfigError, match=r"^pump:principal: '000000000000' cannot exist"):
        config.read({"pump:principal": "0" * 12, **own})


BAD_VALUES: list[Any] = [
    *[None, True, 0, -1, 12, 1.5, float("nan"), float("inf"), 10**60, "", " ", ",", "a,,b"],
    *[{}, {"a": 1}, {"a": [{}]}, [], [[]], [["a"]], [None], [True], [1.5], [{}], ["a", ["b"]]],
    *["null", "\x00", "\n", "\u00e9", "x" * 5_000, ["x" * 5_000], list(range(2_000))],
    *["9999-12-31T23:59:59-12:00", "2027-02-30T00:00:00Z", "2027-01-31T18:00:00+99:99"],
]
PYTHON = (
    "datetime|timedelta|NoneType|object|indices|callable|iterable|subscript|attribute|class|range "
)


@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: repr(value)[:30])
def test_bad_value_of_any_type_gets_one_plain_line(value: Any) -> None:
    for name in (
        "principal",
        "until",
        "guardrails",
        "only-in-regions",
        "organizational-units",
        "max-concurrent-percentage",
        "role-path",
    ):
        units = {} if name == "organizational-units" else {UNITS: "r-abcd"}
        context = {f"pump:auto-pilot:{name}": value, **units}
        try:
            config.read(context)
        except config.ConfigError as error:
            message = str(error)
            assert message.startswith(f"pump:auto-pilot:{name}: ")
            assert len(message.splitlines()) == 1
            assert len(message) < 450
            assert not re.search(PYTHON, message)
        else:
            assert (name, value) == ("max-concurrent-percentage", 12)


def test_guardrail_that_takes_a_value_names_its_key() -> None:
    with pytest.raises(
        config.ConfigError,
        match=r"^pump:guardrails: only-in-regions takes a value; use the key pump:only-in-regions",
    ):
        config.read({"pump:guardrails": "only-in-regions"})


def test_says_that_a_number_must_be_in_quotes() -> None:
    with pytest.raises(config.ConfigError, match=r"put the number in quotes$"):
        config.read({"pump:principal": 999988887777})


@pytest.mark.parametrize("value", [["a", "b"], 12, True, {"a": "b"}])
def test_value_that_is_not_a_string_is_an_error(value: object) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({"pump:external-id": value})
    assert str(caught.value).startswith(f"pump:external-id: {value!r} is not an external ID: ")


@pytest.mark.parametrize(
    ("context", "key"),
    [
        ({"pump:principal": "123"}, "pump:principal"),
        ({"pump:external-id": ""}, "pump:external-id"),
        ({"pump:external-id": "ab", "pump:next-external-id": "ab"}, "pump:next-external-id"),
        ({"pump:auto-pilot:role-path": "pump"}, "pump:auto-pilot:role-path"),
        ({"pump:read-only:permissions-boundary": "/B"}, "pump:read-only:permissions-boundary"),
        (
            {"pump:external-id": "good", "pump:read-only:external-id": ""},
            "pump:read-only:external-id",
        ),
    ],
)
def test_error_names_the_key_as_it_was_typed(
    context: dict[str, str], key: str, synth: Synth
) -> None:
    with pytest.raises(config.ConfigError, match=f"^{key}: '"):
        synth(context)


def test_stack_is_built_with_its_name() -> None:
    app = App()
    assert [stack.build(app).stack_name for stack in config.read({UNITS: "r-abcd"})] == [
        *STACKS,
        *ROLLOUTS,
    ]


def test_role_has_a_rollout_if_it_has_organizational_units() -> None:
    own = {"pump:auto-pilot:organizational-units": "ou-abcd-12345678"}
    assert stacks(own) == [*STACKS, "PumpAutoPilotRollout"]
    assert arguments({UNITS: "r-abcd", **own})[len(STACKS) :][:2] == [
        {"organizational_units": ["r-abcd"], "configure_app": None},
        {"organizational_units": ["ou-abcd-12345678"], "configure_app": None},
    ]


def test_delegated_administrators_app_has_only_rollouts() -> None:
    delegated = {"pump:call-as": "delegated-admin"}
    assert stacks({UNITS: "r-abcd", **delegated}) == ROLLOUTS
    assert stacks({"pump:read-only:organizational-units": "r-abcd", **delegated}) == [
        "PumpReadOnlyRollout"
    ]


def test_lists_and_numbers_are_json_or_strings_of_the_command_line() -> None:
    typed = {
        UNITS: "ou-abcd-87654321, ou-abcd-12345678",
        "pump:exclude-accounts": "111111111111,222222222222",
        "pump:max-concurrent-percentage": "5",
        "pump:failure-tolerance-percentage": "0",
    }
    as_json = {
        UNITS: ["ou-abcd-87654321", "ou-abcd-12345678"],
        "pump:exclude-accounts": ["111111111111", "222222222222"],
        "pump:max-concurrent-percentage": 5,
        "pump:failure-tolerance-percentage": 0,
    }
    assert arguments(typed) == arguments(as_json)
    assert arguments(as_json)[len(STACKS)] == {
        "organizational_units": ["ou-abcd-87654321", "ou-abcd-12345678"],
        "exclude_accounts": ["111111111111", "222222222222"],
        "max_concurrent_percentage": 5,
        "failure_tolerance_percentage": 0,
        "configure_app": None,
    }


def test_conflicting_filters_are_named_as_they_were_typed(synth: Synth) -> None:
    with pytest.raises(config.ConfigError) as caught:
        synth(
            {
                UNITS: "r-abcd",
                "pump:auto-pilot:exclude-accounts": "1" * 12,
                "pump:auto-pilot:only-accounts": "2" * 12,
            }
        )
    assert str(caught.value) == (
        "pump:auto-pilot:only-accounts: cannot be combined with pump:auto-pilot:exclude-accounts"
    )


def test_filter_of_a_role_replaces_a_shared_one_of_the_other_kind() -> None:
    read_only, auto_pilot, *_ = arguments(
        {
            UNITS: "r-abcd",
            "pump:exclude-accounts": "1" * 12,
            "pump:auto-pilot:only-accounts": "2" * 12,
        }
    )[len(STACKS) :]
    assert read_only["exclude_accounts"] == ["1" * 12]
    assert auto_pilot["only_accounts"] == ["2" * 12]
    assert "exclude_accounts" not in auto_pilot


def test_key_of_a_role_that_a_delegated_administrator_does_not_deploy_is_an_error() -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read(
            {
                "pump:read-only:organizational-units": "r-abcd",
                "pump:call-as": "delegated-admin",
                "pump:auto-pilot:permissions-boundary": "Boundary",
            }
        )
    assert str(caught.value) == (
        "pump:auto-pilot:permissions-boundary: a delegated administrator deploys the auto-pilot "
        "role only as a rollout, which requires pump:auto-pilot:organizational-units"
    )


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"pump:call-as": "management"},
            "pump:call-as: applies only to a rollout, which requires pump:organizational-units",
        ),
        (
            {
                "pump:auto-pilot:organizational-units": "r-abcd",
                "pump:read-only:only-accounts": "1" * 12,
            },
            (
                "pump:read-only:only-accounts: applies only to a rollout, which requires "
                "pump:read-only:organizational-units"
            ),
        ),
    ],
)
def test_key_of_a_rollout_needs_organizational_units(context: dict[str, str], message: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read(context)
    assert str(caught.value) == message


def test_call_as_applies_to_both_roles() -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({UNITS: "r-abcd", "pump:read-only:call-as": "management"})
    assert str(caught.value) == (
        "pump:read-only:call-as: unknown key; it applies to both roles, so use pump:call-as"
    )


def test_shared_guardrail_applies_to_the_roles_that_have_what_it_denies(synth: Synth) -> None:
    templates = synth(
        {
            "pump:guardrails": "recommended,no-commitments",
            "pump:only-in-regions": "us-east-1",
            "pump:invitations-from": "111122223333",
        }
    )
    assert list(policies_of(templates["PumpReadOnly"]))[1:] == ["PumpGuardrailMetadataOnly"]
    assert list(policies_of(templates["PumpAutoPilot"]))[4:] == sorted(
        [
            *(guardrail.policy_name for guardrail in Guardrail.RECOMMENDED.members),
            "PumpGuardrailNoCommitments",
            "PumpGuardrailOnlyInRegions",
            "PumpGuardrailInvitationsFrom",
        ]
    )


def test_guardrails_apply_to_both_roles_or_to_one(synth: Synth) -> None:
    templates = synth(
        {
            "pump:guardrails": "recommended",
            "pump:auto-pilot:guardrails": ["metadata-only", "no-selling"],
            "pump:auto-pilot:only-in-regions": "us-east-1, eu-west-1",
            "pump:auto-pilot:invitations-from": "111122223333",
            "pump:until": "2927-01-31T18:00:00Z",
            "pump:auto-pilot:organizational-units": "r-abcd",
        }
    )
    own = [
        "PumpGuardrailInvitationsFrom",
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailNoSelling",
        "PumpGuardrailOnlyInRegions",
        "PumpGuardrailUntil",
    ]
    assert list(policies_of(templates["PumpReadOnly"]))[1:] == [
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailUntil",
    ]
    assert list(policies_of(templates["PumpAutoPilot"]))[4:] == own
    member = member_template(templates["PumpAutoPilotRollout"])
    assert policies_of(member) == policies_of(templates["PumpAutoPilot"])


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"pump:guardrails": "recomended"},
            "pump:guardrails: there is no guardrail 'recomended'; did you mean recommended?",
        ),
        (
            {"pump:read-only:guardrails": "metadata-only,no-selling"},
            "pump:read-only:guardrails: no-selling would have no effect on the read-only role",
        ),
        (
            {
                "pump:guardrails": "no-selling",
                "pump:call-as": "delegated-admin",
                "pump:read-only:organizational-units": "r-abcd",
            },
            "pump:guardrails: no-selling would have no effect on the read-only role",
        ),
        (
            {"pump:guardrails": "no-selling", "pump:auto-pilot:guardrails": "recommended"},
            "pump:guardrails: no-selling would have no effect on the read-only role",
        ),
        (
            {"pump:auto-pilot:guardrails": "no-selling,no-selling"},
            "pump:auto-pilot:guardrails: 'no-selling' is listed twice",
        ),
        (
            {"pump:auto-pilot:guardrails": "recommended,metadata-only"},
            "pump:auto-pilot:guardrails: metadata-only is listed twice",
        ),
        (
            {"pump:read-only:only-in-regions": "us-east-1"},
            (
                "pump:read-only:only-in-regions: only-in-regions would have no effect on the "
                "read-only role"
            ),
        ),
        (
            {"pump:guardrails": "recommended", "pump:read-only:invitations-from": "111122223333"},
            (
                "pump:read-only:invitations-from: invitations-from would have no effect on the "
                "read-only role"
            ),
        ),
        (
            {"pump:auto-pilot:only-in-regions": "us-eastt-1"},
            (
                "pump:auto-pilot:only-in-regions: there is no Region 'us-eastt-1'; did you mean "
                "us-east-1?"
            ),
        ),
    ],
)
def test_error_about_a_guardrail_names_its_key(
    context: dict[str, str], message: str, synth: Synth
) -> None:
    with pytest.raises(config.ConfigError) as caught:
        synth(context)
    assert str(caught.value) == message
