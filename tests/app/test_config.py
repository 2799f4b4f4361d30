"""Settings to arguments: the keys, which one wins, and one clear error for what is wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from pump_roles import Guardrail
from pump_roles.app import config
from pump_roles.published import ROLES
from tests.support import (
    ROLLOUTS,
    STACKS,
    Synth,
    as_context,
    member_template,
    policies_of,
    role_of,
)
from tools.sandbox.guardrails import FILLED

UNITS = "pump:organizational-units"


def arguments(context: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(stack.arguments) for stack in config.read(context)]


def stacks(context: dict[str, Any]) -> list[str]:
    return [stack.stack_id for stack in config.read(context)]


def error_of(context: dict[str, Any]) -> str:
    with pytest.raises(config.ConfigError) as caught:
        config.read(context)
    return str(caught.value)


def test_wrong_value_is_an_error_even_if_both_roles_override_it() -> None:
    own = {f"pump:{role}:role-path": "/pump/" for role in ROLES}
    for key in ("pump:role-path", "pump:read-only:role-path"):
        assert error_of({**own, key: "pump"}).startswith(f"{key}: 'pump' is not a path")


@pytest.mark.parametrize(
    ("context", "message"),
    [
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
            for ignored in ("Mine", ["x"], {"foo": 1}, {"name": ["x"]})
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
        (
            {
                "pump:read-only:organizational-units": "r-abcd",
                "pump:call-as": "delegated-admin",
                "pump:auto-pilot:permissions-boundary": "Boundary",
            },
            (
                "pump:auto-pilot:permissions-boundary: a delegated administrator deploys the "
                "auto-pilot role only as a rollout, which requires "
                "pump:auto-pilot:organizational-units"
            ),
        ),
    ],
)
def test_key_that_would_have_no_effect_is_an_error(context: dict[str, Any], message: str) -> None:
    assert error_of(context) == message


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
    assert "must be the same policy" in error_of({**context, "pump:permissions-boundary": "Org"})


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"@aws-cdk/core:permissionsBoundary": None},
        {"read-only": {"role-path": "/x/"}},
        {"external-id": "x"},
        {"pump": "x", "pumpkin": {}, "availability-zones": []},
        {"pump-station:guardrails": "x"},
    ],
    ids=str,
)
def test_keys_of_others_are_ignored(context: dict[str, Any]) -> None:
    assert [stack.stack_id for stack in config.read(context)] == STACKS
    assert arguments(context) == [{} for _ in STACKS]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("pump:externalid", "did you mean pump:external-id?"),
        ("pump:autopilot:role-path", "did you mean pump:auto-pilot:role-path?"),
        ("pump:setting", "did you mean pump:settings?"),
    ],
)
def test_unknown_key_is_an_error_with_the_nearest_one(key: str, hint: str) -> None:
    assert error_of({key: "value"}) == f"{key}: unknown key; {hint}"


def test_key_that_is_near_to_no_other_gets_the_list_of_keys() -> None:
    escaped = r"pump:\n\u202e\u202e\u202e: unknown key; the keys are pump:principal, "
    assert error_of({"pump:\n\u202e\u202e\u202e": "value"}).startswith(escaped)


GOOD: dict[str, Any] = {
    "principal": "999988887777",
    "role-path": "/pump/",
    "organizational-units": ["r-abcd"],
    "exclude-accounts": "111111111111",
    "only-accounts": "111111111111",
    "max-concurrent-percentage": "5",
    "failure-tolerance-percentage": 5,
    "max-concurrent-count": "1",
    "failure-tolerance-count": 0,
    "region": "eu-west-1",
    "tags": "team=platform,cost-center=a=b",
    "termination-protection": "true",
    "call-as": "delegated-admin",
    "guardrails": "recommended",
    **{name: ",".join(guardrail.values) for name, guardrail in FILLED.items()},
}


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
        ({"auto-pilot": "pumpREADONLYrole"}, "pump:auto-pilot:role-name: 'pumpREADONLYrole'"),
    ],
)
def test_roles_cannot_have_one_name(names: dict[str, str], key: str) -> None:
    context = {f"pump:{role}:role-name": name for role, name in names.items()}
    assert error_of(context) == (
        f"{key} would be the name of both roles; role names must be unique in an account, "
        "ignoring case"
    )
    exchanged = {"read-only": "PumpAutoPilotRole", "auto-pilot": "PumpReadOnlyRole"}
    assert config.read({f"pump:{role}:role-name": name for role, name in exchanged.items()})


ODD: list[Any] = [
    *[None, True, 1.5, float("nan"), 10**60, "", " ", ",", "a,,b", "\x00", "x" * 5_000],
    *[{}, {"a": [{}]}, [], [[]], [["a"]], [None], [1.5], ["a", ["b"]], list(range(2_000))],
    *["9999-12-31T23:59:59-12:00", "2027-02-30T00:00:00Z", "2027-01-31T18:00:00+99:99"],
]
NO_TAGS: list[Any] = ["", " ", {}]
PYTHON = (
    "datetime|timedelta|NoneType|object|indices|callable|iterable|subscript|attribute|class|range "
)


LIKE_A_TIME = {"external-id", "next-external-id", "role-name", "permissions-boundary"}


@pytest.mark.parametrize("name", sorted({key.name for key in config.KEYS.values()} - LIKE_A_TIME))
def test_odd_value_gets_one_plain_line(name: str) -> None:
    units = {} if name == "organizational-units" else {UNITS: "r-abcd"}
    key = f"pump:{'' if name == 'call-as' else 'auto-pilot:'}{name}"
    for value in ODD:
        if (name == "tags" and value in NO_TAGS) or (name, value) == ("termination-protection", 1):
            assert config.read({key: value, **units})
            continue
        message = error_of({key: value, **units})
        assert message.startswith(f"{key}: ")
        assert message.isprintable()
        assert len(message) < 450
        assert not re.search(PYTHON, message)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("role-name", "a/b", "is not a role name: "),
        ("permissions-boundary", "/B", "is not a policy's name"),
        ("guardrails", "until", "until takes a value; use the key pump:until"),
        ("tags", "a=b,a=c", "a tag is listed twice$"),
        ("organizational-units", "r-abcd,,ou-abcd-12345678", "'' is not the ID of an org"),
        ("only-accounts", f"{'1' * 12}, {'1' * 12}", f"'{'1' * 12}' is listed twice$"),
        ("max-concurrent-percentage", "0.5", "is not a whole number from 1 to 100$"),
        ("max-concurrent-percentage", "\u0661", "is not a whole number from 1 to 100$"),
    ],
)
def test_value_is_checked_also_as_text_of_the_command_line(
    name: str, value: Any, problem: str
) -> None:
    key = f"pump:read-only:{name}" if name == "role-name" else f"pump:{name}"
    with pytest.raises(config.ConfigError, match=f"^{key}: .*{problem}"):
        config.read({UNITS: "r-abcd", key: value})


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
    assert stacks({UNITS: "r-abcd", "pump:call-as": "management"}) == [*STACKS, *ROLLOUTS]
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


def test_roles_own_guardrails_override_the_shared_ones_also_in_its_rollout(synth: Synth) -> None:
    templates = synth(
        {
            "pump:guardrails": "recommended",
            "pump:auto-pilot:guardrails": ["metadata-only", "no-selling"],
            "pump:auto-pilot:only-in-regions": "us-east-1, eu-west-1",
            "pump:until": "2927-01-31T18:00:00Z",
            "pump:auto-pilot:organizational-units": "r-abcd",
        }
    )
    assert [*policies_of(templates["PumpReadOnly"])][1:] == [
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailUntil",
    ]
    own = policies_of(templates["PumpAutoPilot"])
    names = ("MetadataOnly", "NoSelling", "OnlyInRegions", "Until")
    assert [*own][4:] == [f"PumpGuardrail{name}" for name in names]
    assert policies_of(member_template(templates["PumpAutoPilotRollout"])) == own


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
            {"pump:read-only:only-in-regions": "us-east-1"},
            (
                "pump:read-only:only-in-regions: only-in-regions would have no effect on the "
                "read-only role"
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


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Read the settings of a file, and context; returns the arguments of each stack."""

    def arguments_of(content: object, context: dict[str, Any] | None = None) -> list[Any]:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "pump.json").write_text(text, encoding="utf-8")
        return [dict(stack.arguments) for stack in config.read(context or {}, folder=tmp_path)]

    return arguments_of


Read = Callable[..., list[dict[str, Any]]]


def test_every_key_can_be_in_the_file(read: Read) -> None:
    for key in config.KEYS.values():
        own = {key.name: GOOD.get(key.name, "value")}
        content = {"organizational-units": ["r-abcd"], **({key.role: own} if key.role else own)}
        assert read(content) == arguments(as_context(content))


def test_context_overrides_the_file_and_in_each_a_roles_key_overrides_the_shared_one(
    read: Read,
) -> None:
    def names(content: dict[str, Any], context: dict[str, Any]) -> list[str]:
        return [found["permissions_boundary"] for found in read(content, context)]

    file = {"permissions-boundary": "File", "read-only": {"permissions-boundary": "OwnFile"}}
    shared, own = "pump:permissions-boundary", "pump:read-only:permissions-boundary"
    assert names(file, {}) == ["OwnFile", "File"]
    assert names(file, {shared: "Context"}) == ["Context", "Context"]
    assert names(file, {shared: "Context", own: "Own"}) == ["Own", "Context"]
    assert names(file, {own: "Own"}) == ["Own", "File"]


def test_key_also_overrides_those_that_it_cannot_be_combined_with(read: Read) -> None:
    units = {"organizational-units": ["r-abcd"]}
    alone = {"organizational_units": ["r-abcd"], "configure_app": None}
    file = {"max-concurrent-percentage": 5, "read-only": units}
    *_, rollout = read(file, {"pump:max-concurrent-count": "1"})
    assert rollout == {**alone, "max_concurrent_count": 1}
    *_, rollout = read(
        {"exclude-accounts": "1" * 12, "read-only": {**units, "only-accounts": "2" * 12}}
    )
    assert rollout == {**alone, "only_accounts": ["2" * 12]}


def test_null_in_the_file_counts_as_omitted(read: Read) -> None:
    assert read({"principal": None, "read-only": None, "auto-pilot": {"until": None}}) == [{}, {}]


def test_file_with_a_byte_order_mark_is_read(read: Read) -> None:
    assert read('\ufeff{"role-path": "/pump/"}') == [{"path": "/pump/"}] * 2


def test_no_file_is_no_error_and_a_named_file_that_is_missing_is_one(tmp_path: Path) -> None:
    assert len(config.read({}, folder=tmp_path)) == len(STACKS)
    with pytest.raises(config.ConfigError, match=r"prod\.json: there is no such file$"):
        config.read({"pump:settings": "prod.json"}, folder=tmp_path)
    (tmp_path / "pump.json").symlink_to("elsewhere.json")
    with pytest.raises(config.ConfigError, match=r"pump\.json: there is no such file$"):
        config.read({}, folder=tmp_path)


def test_named_file_is_read_instead_of_pump_json(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prod.json").write_text('{"role-path": "/prod/"}')
    named = {"pump:settings": "prod.json"}
    assert read({"permissions-boundary": "x"}, named) == [{"path": "/prod/"}] * 2
    (tmp_path / "prod.json").write_text('{"role-paht": "/prod/"}')
    with pytest.raises(config.ConfigError, match=r"prod\.json: role-paht: unknown key"):
        config.read(named, folder=tmp_path)


@pytest.mark.parametrize("value", ["", "\x00", True, ["prod.json"], {}])
def test_name_of_the_file_is_a_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"^pump:settings: .* is not the path of a sett"):
        config.read({"pump:settings": value}, folder=tmp_path)


def build(folder: Path, context: dict[str, Any] | None = None) -> App:
    """Build the stacks of the settings in a folder, and of context."""
    app = App()
    for stack in config.read(context or {}, folder=folder):
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
        ({"read-only": "x"}, "read-only: must be an object, with the keys of this role"),
        ({"readonly": {}}, "readonly: unknown key; did you mean read-only?"),
        ({"settings": "x.json"}, "settings: unknown key; the keys are principal, "),
        (
            {"pump:read-only:guardrails": []},
            "pump:read-only:guardrails: unknown key; did you mean read-only.guardrails?",
        ),
        (
            {"read-only.guardrails": []},
            "read-only.guardrails: unknown key; put guardrails into the object read-only",
        ),
        (
            {"role-name": "x"},
            (
                "role-name: unknown key; it applies to one role, so use read-only.role-name or "
                "auto-pilot.role-name"
            ),
        ),
        (
            {"read-only": {"call-as": "management"}},
            "read-only.call-as: unknown key; it applies to both roles, so use call-as",
        ),
        (
            {"read-only": {"needed-only": True}},
            (
                "read-only.needed-only: unknown key; needed-only is a guardrail; use it as a value "
                "of read-only.guardrails"
            ),
        ),
        ({"external-id": 12}, "external-id: 12 is not an external ID: "),
        (
            {
                "tags": {"Pump-Commitments": "1"},
                "auto-pilot": {"guardrails": ["only-when-approved"]},
            },
            (
                "tags: 'Pump-Commitments' may open the guardrail only-when-approved; set it only "
                "on the deployed role"
            ),
        ),
        (
            {
                "auto-pilot": {
                    "organizational-units": ["r-abcd"],
                    "tags": {"pump-commitments": "approved"},
                    "guardrails": ["only-when-approved"],
                }
            },
            "auto-pilot.tags: 'pump-commitments' may open the guardrail only-when-approved; ",
        ),
        (
            {"external-id": "Example-1234", "next-external-id": "Example-1234"},
            "next-external-id: it must differ from the external ID that is already accepted",
        ),
        (
            {
                "auto-pilot": {"organizational-units": ["r-abcd"]},
                "max-concurrent-count": 1,
                "max-concurrent-percentage": 1,
            },
            "max-concurrent-count: cannot be combined with max-concurrent-percentage",
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
    settings = {"tags": stack_tags, "termination-protection": True}
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    app = build(tmp_path, {UNITS: "r-abcd"})
    plain = synth({UNITS: "r-abcd"})
    for stack in app.synth().stacks:
        assert (stack.tags, stack.termination_protection) == (stack_tags, True)
        for template in (stack.template, plain[stack.stack_name]):
            for resource in template["Resources"].values():
                resource["Properties"].pop("Tags", None)
        assert stack.template == plain[stack.stack_name]
