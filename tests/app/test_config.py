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
from tests.every_guardrail import FILLED
from tests.support import (
    ROLLOUTS,
    STACKS,
    Synth,
    member_template,
    policies_of,
    role_of,
)

UNITS: dict[str, Any] = {"organizational-units": ["r-abcd"]}
BOUNDARY_OF_CDK = "@aws-cdk/core:permissionsBoundary"


def stacks(
    content: dict[str, Any], context: dict[str, Any] | None = None
) -> list[config.StackSettings]:
    return config.stacks(config.Settings(content), context or {})


def arguments(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(stack.arguments) for stack in stacks(content)]


def names(content: dict[str, Any]) -> list[str]:
    return [stack.stack_id for stack in stacks(content)]


def error_of(content: dict[str, Any], context: dict[str, Any] | None = None) -> str:
    with pytest.raises(config.ConfigError) as caught:
        stacks(content, context)
    return str(caught.value)


def test_wrong_value_is_an_error_even_if_both_roles_override_it() -> None:
    own = {role: {"role-path": "/pump/"} for role in ROLES}
    message = error_of({**own, "role-path": "pump"})
    assert message.startswith("pump.json: role-path: 'pump' is not a path")


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        (
            {"read-only": UNITS},
            {BOUNDARY_OF_CDK: {"name": "Org"}},
            (
                "@aws-cdk/core:permissionsBoundary: does not reach the accounts of a rollout; set "
                "permissions-boundary too"
            ),
        ),
        *(
            (
                {},
                {BOUNDARY_OF_CDK: ignored},
                (
                    "@aws-cdk/core:permissionsBoundary: must be an object with a name or an arn, "
                    "or the CDK ignores it; set it in a file, because -c passes only strings"
                ),
            )
            for ignored in ("Mine", ["x"], {"foo": 1}, {"name": ["x"]})
        ),
        (
            {"permissions-boundary": "Mine"},
            {BOUNDARY_OF_CDK: {"name": "Org"}},
            (
                "pump.json: permissions-boundary: must be the same policy as "
                "@aws-cdk/core:permissionsBoundary, which replaces it"
            ),
        ),
        (
            {"call-as": "management"},
            {},
            ("pump.json: call-as: applies only to a rollout, which requires organizational-units"),
        ),
        (
            {"auto-pilot": UNITS, "read-only": {"only-accounts": ["1" * 12]}},
            {},
            (
                "pump.json: read-only.only-accounts: applies only to a rollout, which requires "
                "read-only.organizational-units"
            ),
        ),
        (
            {
                "read-only": UNITS,
                "call-as": "delegated-admin",
                "auto-pilot": {"permissions-boundary": "Boundary"},
            },
            {},
            (
                "pump.json: auto-pilot.permissions-boundary: a delegated administrator deploys the "
                "auto-pilot role only as a rollout, which requires "
                "auto-pilot.organizational-units"
            ),
        ),
    ],
)
def test_key_that_would_have_no_effect_is_an_error(
    content: dict[str, Any], context: dict[str, Any], message: str
) -> None:
    assert error_of(content, context) == message


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
    content = {"permissions-boundary": own, "read-only": UNITS}
    context = {BOUNDARY_OF_CDK: of_cdk}
    for stack in stacks(content, context):
        assert stack.arguments["permissions_boundary"] == own
        assert stack.summary.count(f"boundary: {own}") == 1
    message = error_of({**content, "permissions-boundary": "Org"}, context)
    assert "must be the same policy" in message


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"@aws-cdk/core:permissionsBoundary": None},
        {"read-only": {"role-path": "/x/"}},
        {"external-id": "x"},
        {"pump": "x", "pumpkin": {}, "availability-zones": []},
        {"pump-station:guardrails": "x"},
        {"pump:settings": None},
    ],
    ids=str,
)
def test_context_keys_of_others_are_ignored(context: dict[str, Any], tmp_path: Path) -> None:
    settings = config.read(context, tmp_path)
    assert (settings.content, settings.file) == ({}, "")
    found = config.stacks(settings, context)
    assert [(stack.stack_id, dict(stack.arguments)) for stack in found] == [
        (stack, {}) for stack in STACKS
    ]


PLACE = "into pump.json, or into the file that -c pump:settings=FILE names"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("pump:external-id", f'put "external-id" {PLACE}'),
        ("pump:read-only:role-name", f'put "role-name" in "read-only" {PLACE}'),
        (
            "pump:externalid",
            f"unknown key; settings go {PLACE}; did you mean external-id?",
        ),
        (
            "pump:autopilot:role-path",
            f"unknown key; settings go {PLACE}; did you mean auto-pilot.role-path?",
        ),
        (
            "pump:setting",
            f"unknown key; settings go {PLACE}; did you mean pump:settings?",
        ),
        (
            "pump:role-name",
            (
                f"unknown key; settings go {PLACE}; it applies to one role, so use "
                "read-only.role-name or auto-pilot.role-name"
            ),
        ),
        ("pump:read-only", f"unknown key; settings go {PLACE}; did you mean read-only?"),
        (
            "pump:read-only.role-path",
            f"unknown key; settings go {PLACE}; put role-path into the object read-only",
        ),
        ("pump:needed-only", f"unknown key; settings go {PLACE}; needed-only is a guardrail; "),
        ("pump:", f"unknown key; settings go {PLACE}; the keys are principal, "),
    ],
)
def test_setting_in_the_context_is_an_error_that_says_where_it_goes(
    key: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "pump.json").write_text("{}")
    for also in ({}, {"pump:settings": "pump.json"}):
        with pytest.raises(config.ConfigError, match=f"^{re.escape(f'{key}: {message}')}"):
            config.read({**also, key: "value"}, tmp_path)


def test_every_key_in_the_context_is_an_error_that_says_where_it_goes(tmp_path: Path) -> None:
    for key in config.KEYS.values():
        typed = ":".join(filter(None, ("pump", *key)))
        place = f'"{key.name}"' + (f' in "{key.role}"' if key.role else "")
        with pytest.raises(config.ConfigError) as caught:
            config.read({typed: GOOD.get(key.name, "value")}, tmp_path)
        assert str(caught.value) == f"{typed}: put {place} {PLACE}"


def test_key_that_is_near_to_no_other_gets_the_list_of_keys(tmp_path: Path) -> None:
    odd, escaped = "\n\u202e\u202e\u202e", r"\n\u202e\u202e\u202e"
    message = error_of({odd: "value"})
    assert message.startswith(f"pump.json: {escaped}: unknown key; the keys are principal, ")
    with pytest.raises(config.ConfigError) as caught:
        config.read({f"pump:{odd}": "value"}, tmp_path)
    assert str(caught.value).startswith(f"pump:{escaped}: unknown key; ")


GOOD: dict[str, Any] = {
    "principal": "999988887777",
    "role-path": "/pump/",
    "organizational-units": ["ou-abcd-12345678"],
    "exclude-accounts": ["111111111111"],
    "only-accounts": ["111111111111"],
    "max-concurrent-percentage": 5,
    "failure-tolerance-percentage": 5,
    "max-concurrent-count": 1,
    "failure-tolerance-count": 0,
    "region": "eu-west-1",
    "tags": {"team": "platform", "cost-center": "a=b"},
    "termination-protection": True,
    "call-as": "delegated-admin",
    "guardrails": ["recommended"],
    **{name: guardrail.values[0] for name, guardrail in FILLED.items()},
    "only-in-regions": [*FILLED["only-in-regions"].values],
}


def test_role_has_its_name_in_its_stack_and_in_its_rollout(synth: Synth) -> None:
    templates = synth({**UNITS, "read-only": {"role-name": "Vendor"}})
    for stack, name in {"PumpReadOnly": "Vendor", "PumpAutoPilot": "PumpAutoPilotRole"}.items():
        member = member_template(templates[f"{stack}Rollout"])
        assert [role_of(template)["RoleName"] for template in (templates[stack], member)] == [
            name,
            name,
        ]


@pytest.mark.parametrize(
    ("role_names", "last"),
    [
        ({"read-only": "Vendor", "auto-pilot": "Vendor"}, "Vendor"),
        ({"auto-pilot": "vendor", "read-only": "Vendor"}, "vendor"),
        ({"auto-pilot": "pumpREADONLYrole"}, "pumpREADONLYrole"),
    ],
)
def test_roles_cannot_have_one_name(role_names: dict[str, str], last: str) -> None:
    assert error_of({role: {"role-name": name} for role, name in role_names.items()}) == (
        f"pump.json: auto-pilot.role-name: {last!r} would be the name of both roles; role names "
        "must be unique in an account, ignoring case"
    )
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


@pytest.mark.parametrize("name", sorted({key.name for key in config.KEYS.values()} - LIKE_A_TIME))
def test_odd_value_gets_one_plain_line(name: str) -> None:
    units = {} if name == "organizational-units" else UNITS
    shared = name == "call-as"
    key = name if shared else f"auto-pilot.{name}"
    accepted = [None, {"tags": {}, "termination-protection": True}.get(name)]
    for value in ODD:
        own = {name: value}
        content = {**units, **(own if shared else {"auto-pilot": own})}
        if value in accepted:
            assert stacks(content)
            continue
        message = error_of(content)
        assert message.startswith(f"pump.json: {key}: ")
        assert message.isprintable()
        assert len(message) < 450
        assert not re.search(PYTHON, message)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("role-name", "a/b", "is not a role name: "),
        ("permissions-boundary", "/B", "is not a policy's name"),
        ("guardrails", ["until"], "until takes a value; use the key until"),
        ("guardrails", "recommended", "'recommended' is not a list"),
        ("organizational-units", ["r-abcd", "", "ou-abcd-12345678"], "'' is not the ID of an org"),
        ("only-accounts", ["1" * 12, "1" * 12], f"'{'1' * 12}' is listed twice$"),
        ("max-concurrent-percentage", 0.5, "is not a whole number from 1 to 100$"),
        ("max-concurrent-percentage", "5", "'5' is not a whole number from 1 to 100$"),
        ("termination-protection", "true", "'true' is neither true nor false$"),
        ("tags", "a=b", "'a=b' is not a mapping of strings to strings$"),
    ],
)
def test_value_is_checked(name: str, value: Any, problem: str) -> None:
    content = {"read-only": {name: value}} if name == "role-name" else {name: value}
    key = f"read-only.{name}" if name == "role-name" else name
    with pytest.raises(config.ConfigError, match=rf"^pump\.json: {key}: .*{problem}"):
        stacks({**UNITS, **content})


def test_role_has_a_rollout_if_it_has_organizational_units() -> None:
    own = {"auto-pilot": {"organizational-units": ["ou-abcd-12345678"]}}
    assert names(own) == [*STACKS, "PumpAutoPilotRollout"]
    assert arguments({**UNITS, **own})[len(STACKS) :][:2] == [
        {"organizational_units": ["r-abcd"], "configure_app": None},
        {"organizational_units": ["ou-abcd-12345678"], "configure_app": None},
    ]


def test_delegated_administrators_app_has_only_rollouts() -> None:
    delegated = {"call-as": "delegated-admin"}
    assert names({**UNITS, **delegated}) == ROLLOUTS
    assert names({**UNITS, "call-as": "management"}) == [*STACKS, *ROLLOUTS]
    assert names({"read-only": UNITS, **delegated}) == ["PumpReadOnlyRollout"]


def test_lists_and_numbers_reach_the_rollout() -> None:
    content = {
        "organizational-units": ["ou-abcd-87654321", "ou-abcd-12345678"],
        "exclude-accounts": ["111111111111", "222222222222"],
        "max-concurrent-percentage": 5,
        "failure-tolerance-percentage": 0,
    }
    assert arguments(content)[len(STACKS)] == {
        "organizational_units": ["ou-abcd-87654321", "ou-abcd-12345678"],
        "exclude_accounts": ["111111111111", "222222222222"],
        "max_concurrent_percentage": 5,
        "failure_tolerance_percentage": 0,
        "configure_app": None,
    }


def test_shared_guardrail_applies_to_the_roles_that_have_what_it_denies(synth: Synth) -> None:
    templates = synth(
        {
            "guardrails": ["recommended", "no-commitments"],
            "only-in-regions": ["us-east-1"],
            "invitations-from": "111122223333",
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
    names = ("MetadataOnly", "NoSelling", "OnlyInRegions", "Until")
    assert [*own][4:] == [f"PumpGuardrail{name}" for name in names]
    assert policies_of(member_template(templates["PumpAutoPilotRollout"])) == own


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"guardrails": ["recomended"]},
            "guardrails: there is no guardrail 'recomended'; did you mean recommended?",
        ),
        (
            {"read-only": {"guardrails": ["metadata-only", "no-selling"]}},
            "read-only.guardrails: no-selling would have no effect on the read-only role",
        ),
        (
            {"guardrails": ["no-selling"], "call-as": "delegated-admin", "read-only": UNITS},
            "guardrails: no-selling would have no effect on the read-only role",
        ),
        (
            {"read-only": {"only-in-regions": ["us-east-1"]}},
            (
                "read-only.only-in-regions: only-in-regions would have no effect on the read-only "
                "role"
            ),
        ),
    ],
)
def test_error_about_a_guardrail_names_its_key(
    content: dict[str, Any], message: str, synth: Synth
) -> None:
    with pytest.raises(config.ConfigError) as caught:
        synth(content)
    assert str(caught.value) == f"pump.json: {message}"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Read the settings of a file, with context; returns the arguments of each stack."""

    def arguments_of(content: object, context: dict[str, Any] | None = None) -> list[Any]:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "pump.json").write_text(text, encoding="utf-8")
        found = config.stacks(config.read(context or {}, tmp_path))
        return [dict(stack.arguments) for stack in found]

    return arguments_of


Read = Callable[..., list[dict[str, Any]]]


def test_every_key_changes_what_the_stacks_get(read: Read) -> None:
    for key in config.KEYS.values():
        own = {key.name: GOOD.get(key.name, "Value")}
        assert read({**UNITS, **({key.role: own} if key.role else own)}) != read(UNITS), key


def test_roles_own_key_overrides_the_one_for_both(read: Read) -> None:
    file = {"permissions-boundary": "Shared", "read-only": {"permissions-boundary": "Own"}}
    assert [found["permissions_boundary"] for found in read(file)] == ["Own", "Shared"]


def test_roles_own_key_also_overrides_those_that_it_cannot_be_combined_with(read: Read) -> None:
    *_, rollout = read(
        {"exclude-accounts": ["1" * 12], "read-only": {**UNITS, "only-accounts": ["2" * 12]}}
    )
    assert rollout == {
        "organizational_units": ["r-abcd"],
        "configure_app": None,
        "only_accounts": ["2" * 12],
    }


def test_null_in_the_file_counts_as_omitted(read: Read) -> None:
    assert read({"principal": None, "read-only": None, "auto-pilot": {"until": None}}) == [{}, {}]


def test_file_with_a_byte_order_mark_is_read(read: Read) -> None:
    assert read('\ufeff{"role-path": "/pump/"}') == [{"path": "/pump/"}] * 2


def test_no_file_is_no_error_and_a_named_file_that_is_missing_is_one(tmp_path: Path) -> None:
    assert config.read({}, tmp_path) == config.Settings({}, "")
    with pytest.raises(config.ConfigError, match=r"prod\.json: there is no such file$"):
        config.read({"pump:settings": "prod.json"}, tmp_path)
    (tmp_path / "pump.json").symlink_to("elsewhere.json")
    with pytest.raises(config.ConfigError, match=r"pump\.json: there is no such file$"):
        config.read({}, tmp_path)


def test_named_file_is_read_instead_of_pump_json(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prod.json").write_text('{"role-path": "/prod/"}')
    named = {"pump:settings": "prod.json"}
    assert read({"permissions-boundary": "x"}, named) == [{"path": "/prod/"}] * 2
    (tmp_path / "prod.json").write_text('{"role-paht": "/prod/"}')
    with pytest.raises(config.ConfigError, match=r"prod\.json: role-paht: unknown key"):
        config.stacks(config.read(named, tmp_path))


@pytest.mark.parametrize("value", ["", "\x00", True, ["prod.json"], {}])
def test_name_of_the_file_is_a_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"^pump:settings: .* is not the path of a sett"):
        config.read({"pump:settings": value}, tmp_path)


def build(folder: Path) -> App:
    """Build the stacks of the settings in a folder."""
    app = App()
    for stack in config.stacks(config.read({}, folder)):
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
    settings = {**UNITS, "tags": stack_tags, "termination-protection": True}
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    app = build(tmp_path)
    plain = synth(UNITS)
    for stack in app.synth().stacks:
        assert (stack.tags, stack.termination_protection) == (stack_tags, True)
        for template in (stack.template, plain[stack.stack_name]):
            for resource in template["Resources"].values():
                resource["Properties"].pop("Tags", None)
        assert stack.template == plain[stack.stack_name]
