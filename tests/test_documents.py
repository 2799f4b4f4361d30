"""The documents say what is true: their examples run, and their counts are the catalog's."""

import json
import re
import runpy
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aws_cdk
import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from typer.testing import CliRunner

from pump_roles import ArgumentError, CustomerAccess, Guardrail, config, universal
from pump_roles.cli import app as cli
from pump_roles.guardrails import documents
from pump_roles.published import ROLES
from sandbox import catalog
from sandbox.aws import ACCOUNT_ID
from sandbox.cdk import ROOT
from sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, IMPLICITLY_DENIED, Role, decide, use
from tests.support import EXTERNAL_ID, NEVER, PUMP_ACCOUNT, SECRET, Synth

README = (ROOT / "README.md").read_text()
SECURITY = (ROOT / "docs" / "security-model.md").read_text()
ORGANIZATIONS = (ROOT / "docs" / "organizations.md").read_text()
GUARDRAILS = (ROOT / "docs" / "guardrails.md").read_text()
PUMP_SIDE = (ROOT / "docs" / "pump-side.md").read_text()
AUTO_PILOT = ROLES["auto-pilot"]
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
BUY = "savingsplans:CreateSavingsPlan"
READ = "pricing:GetProducts"


def block(marker: str, language: str, text: str = README) -> str:
    found = re.search(rf"{re.escape(marker)}\n```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def role(name: str = "PumpAutoPilotRole", **more: Any) -> Role:
    policies = {policy.name: policy.document for policy in AUTO_PILOT.policies}
    return Role(name, {}, policies | more)


@pytest.mark.parametrize(
    "page",
    [README, ORGANIZATIONS, GUARDRAILS, PUMP_SIDE],
    ids=["README", "organizations", "guardrails", "pump-side"],
)
def test_example_of_the_constructs_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example
    (tmp_path / "app.py").write_text(example[1])
    app = App(outdir=str(tmp_path / "out"))
    monkeypatch.setattr(aws_cdk, "App", lambda: app)
    runpy.run_path(str(tmp_path / "app.py"), run_name="__main__")
    assert (tmp_path / "out" / "Vendors.template.json").exists()


@pytest.mark.parametrize(
    ("grantee", "said"),
    [
        (iam.Role, r"(\d+)\s+accounts\s+fit\s+if\s+the\s+grantee\s+is\s+a\s+role"),
        (iam.Group, r"(\d+)\s+if\s+it\s+is\s+a\s+group"),
        (iam.User, r"(\d+)\s+if\s+it\s+is\s+a\s+user"),
        (iam.Role, r"up to\s+(\d+) of them for a role"),
    ],
)
def test_number_of_accounts_that_fit_is_true(grantee: Any, said: str) -> None:
    (decision,) = (ROOT / "docs" / "decisions").glob("0016-*")
    (number,) = re.findall(said, decision.read_text() + PUMP_SIDE)
    stack = Stack()
    accounts = [f"{100_000_000_000 + index}" for index in range(200)]
    access = CustomerAccess(stack, "Access", customer_accounts=accounts)
    more = {"assumed_by": iam.AccountPrincipal("1")} if grantee is iam.Role else {}
    with pytest.raises(ArgumentError, match=f"at most {number} fit"):
        access.grant(grantee(stack, "Grantee", **more))


PAGES = {"README": README, "organizations": ORGANIZATIONS, "guardrails": GUARDRAILS}
PLACEHOLDERS = {
    "PRINCIPAL": PUMP_ACCOUNT,
    "EXTERNAL_ID": EXTERNAL_ID,
    "OLD_EXTERNAL_ID": "Old-1234",
    "NEW_EXTERNAL_ID": "New-5678",
    "TEMPLATE_URL": "https://s3.us-east-1.amazonaws.com/mine/PumpReadOnly.template.json",
}


def filled(value: str) -> str:
    return PLACEHOLDERS.get(value, value)


def kept_in_cdk_context_json(text: str) -> dict[str, Any]:
    found = re.search(r"```json\n(\{\n  \"pump:.*?)```", text, re.DOTALL)
    assert found
    return {
        key: filled(value) if isinstance(value, str) else value
        for key, value in json.loads(found[1]).items()
    }


def commands(text: str) -> list[list[str]]:
    """Return the CDK commands of a page that name stacks, in blocks and within sentences."""
    found = re.findall(
        r"^ *\$ (npx cdk .*?)$|`(npx cdk [^`]*)`", text.replace("\\\n", " "), re.MULTILINE
    )
    split = [shlex.split("".join(command), comments=True) for command in found]
    return [
        words
        for words in split
        if words[2] != "import" and any("Pump" in word for word in words[3:])
    ]


@pytest.mark.parametrize(
    ("page", "words"),
    [(page, words) for page, text in PAGES.items() for words in commands(text)],
    ids=lambda part: part if isinstance(part, str) else " ".join(part),
)
def test_app_has_the_stacks_that_a_command_names(page: str, words: list[str], synth: Synth) -> None:
    context, names = kept_in_cdk_context_json(PAGES[page]), set()
    rest = iter(words[3:])
    for word in rest:
        if word == "-c":
            key, _, value = next(rest).partition("=")
            context[key] = filled(value)
        elif word == "--parameters":
            next(rest)
        elif not word.startswith("-"):
            names.add(word)
    assert names <= synth(context).keys()


def test_every_page_has_commands_that_name_stacks() -> None:
    assert all(commands(text) for text in PAGES.values())


@pytest.mark.parametrize("name", PAGES)
def test_every_value_that_is_shown_for_a_key_is_accepted(name: str, synth: Synth) -> None:
    units = {f"pump:{role}:organizational-units": "r-abcd" for role in ROLES}
    shown = re.findall(r"`(?:-c )?(pump:[a-z:-]+)=([^ `]+)`", PAGES[name])
    assert shown or name == "guardrails"
    for key, value in shown:
        assert synth({**units, key: filled(value)})


@pytest.mark.parametrize("name", PAGES)
def test_example_of_cdk_context_json_is_accepted(name: str, synth: Synth) -> None:
    context = kept_in_cdk_context_json(PAGES[name])
    assert context
    assert synth(context)


def test_table_of_keys_is_complete() -> None:
    cells = re.findall(r"^\| (`pump:[a-z:`, -]+) \|", README, re.MULTILINE)
    listed = re.findall("`([^`]+)`", "".join(cells))
    shared = [key for key in config.KEYS if key.count(":") == 1]
    of_one_role = [key for key in config.KEYS if "pump:" + key.rpartition(":")[2] not in shared]
    assert sorted(listed) == sorted([*shared, *of_one_role])


def test_line_about_a_stack_is_as_shown() -> None:
    (line,) = re.findall(r"^PumpReadOnly: role .*$", README, re.MULTILINE)
    context = {"pump:guardrails": "recommended", "pump:permissions-boundary": "platform/Boundary"}
    read_only, _ = config.read(
        {"pump:principal": PUMP_ACCOUNT, "pump:external-id": EXTERNAL_ID, **context}
    )
    assert read_only.summary == line


@pytest.mark.parametrize("name", PAGES)
def test_placeholder_of_an_id_or_a_principal_is_rejected(name: str) -> None:
    shown = re.findall(
        r"(pump:(?:principal|(?:next-)?external-id))(?:=|\": \")([A-Z_]{3,})", PAGES[name]
    )
    assert shown or name == "guardrails"
    for key, value in shown:
        with pytest.raises(config.ConfigError, match="is the README's placeholder"):
            config.read({key: value})


def test_commands_for_the_template_and_the_link_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.findall(
        r"^\$ pump-roles ((?:template|link) .*)$", README.replace("\\\n", " "), re.MULTILINE
    )
    # A short external ID would be a warning.
    monkeypatch.setitem(PLACEHOLDERS, "EXTERNAL_ID", SECRET)
    printed = {}
    for command in found:
        ended = CliRunner().invoke(cli, [filled(word) for word in shlex.split(command)])
        assert (ended.exit_code, ended.stderr) == (0, "")
        printed[command.partition(" ")[0]] = ended.stdout
    assert printed.keys() == {"template", "link"}
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == universal.template("read-only")
    assert f"file://{file.name}" in README
    for name in re.findall(r"`(param_\w+)`", README):
        assert f"&{name}=" in printed["link"]


def test_aws_deny_all_as_a_boundary_stops_everything() -> None:
    assert README.count("--permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll") == 2
    # The AWS Managed Policy Reference's AWSDenyAll.
    deny_all = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    }
    before, *after = decide(
        [
            use(role(), action=BUY),
            use(role(), action=BUY, boundary=deny_all),
            use(role(), action=READ, boundary=deny_all),
        ]
    )
    assert before == ALLOWED
    assert after == [EXPLICITLY_DENIED] * 2


def test_boundary_narrows_to_what_both_allow() -> None:
    boundary = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["pricing:*", "s3:*"], "Resource": "*"}],
    }
    bucket = "s3:ListAllMyBuckets"
    assert decide(
        [use(role(), action=action, boundary=boundary) for action in [READ, BUY, bucket]]
    ) == [ALLOWED, IMPLICITLY_DENIED, IMPLICITLY_DENIED]


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "PumpAutoPilotRole"])
def test_service_control_policy_stops_the_roles_and_nobody_else(name: str) -> None:
    control = json.loads(block("<!-- stop-organization -->", "json"))
    stopped, in_a_path, other = decide(
        [
            use(role(name), action=READ, service_control_policy=control),
            use(role(f"vendors/{name}"), action=READ, service_control_policy=control),
            use(role("Admin"), action=READ, service_control_policy=control),
        ]
    )
    assert (stopped, in_a_path, other) == (EXPLICITLY_DENIED, EXPLICITLY_DENIED, ALLOWED)
    assert ACCOUNT_ID not in json.dumps(control)


CHANGES = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
]


def test_changes_are_all_the_changes_of_a_role_that_the_catalog_knows() -> None:
    changes = [
        action.name
        for action in catalog.matching(["iam:*"])
        if not action.only_reads and any(":role/" in resource for resource in action.resources)
    ]
    # Service-linked roles have paths of their own, an instance profile changes no role, and passing
    # a role changes nothing.
    others = {
        "iam:AddRoleToInstanceProfile",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteServiceLinkedRole",
        "iam:PassRole",
    }
    assert set(changes) - others == set(CHANGES)


@pytest.mark.parametrize(
    ("principal", "name", "may"),
    [
        ("Admin", "PumpReadOnlyRole", False),
        ("Admin", "vendors/PumpAutoPilotRole", False),
        ("PumpAutoPilotRole", "PumpAutoPilotRole", False),
        ("stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", True),
        ("stacksets-exec-0123456789abcdef", "pump/PumpAutoPilotRole", True),
        ("x/stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", False),
        ("Admin", "stacksets-exec-0123456789abcdef", False),
        ("Admin", "stacksets-exec-of-mine/Admin", False),
        ("stacksets-exec-0123456789abcdef", "stacksets-exec-0123456789abcdef", False),
        ("Admin", "Another", True),
        # ARNs are compared with case: a new name is not protected, and the exemption no wider.
        ("Admin", "pumpreadonlyrole", True),
        ("Stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", False),
    ],
)
def test_service_control_policy_lets_only_stack_sets_change_the_roles(
    principal: str,
    name: str,
    may: bool,  # noqa: FBT001
) -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    everything = {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}
    decisions = decide(
        [
            use(
                Role(principal, {}, {"Everything": everything}),
                action=action,
                resource=f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
                service_control_policy=control,
            )
            for action in CHANGES
        ]
    )
    assert set(decisions) == {ALLOWED if may else EXPLICITLY_DENIED}


def test_service_control_policy_has_the_size_that_the_guide_says() -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    size = len(json.dumps(control, separators=(",", ":")))
    assert f"It has {size:,} characters without white space." in ORGANIZATIONS
    assert size <= 5_120


BOUNDARY_CHANGES = [
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
]


def test_changes_are_all_the_changes_of_a_policy_that_the_catalog_knows() -> None:
    assert (
        sorted(
            action.name
            for action in catalog.matching(["iam:*"])
            if not action.only_reads
            and any(":policy/" in resource for resource in action.resources)
        )
        == BOUNDARY_CHANGES
    )


def may_change_policies(control: Any, principal: str, name: str) -> bool:
    everything = {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}
    decisions = decide(
        [
            use(
                Role(principal, {}, {"Everything": everything}),
                action=action,
                resource=f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}",
                service_control_policy=control,
            )
            for action in BOUNDARY_CHANGES
        ]
    )
    (decision,) = set(decisions)
    assert decision in (ALLOWED, EXPLICITLY_DENIED)
    return decision == ALLOWED


@pytest.mark.parametrize(
    ("principal", "name", "may"),
    [
        ("Admin", "platform/Boundary", False),
        ("PumpAutoPilotRole", "platform/Boundary", False),
        ("x/stacksets-exec-0123456789abcdef", "platform/Boundary", False),
        ("platform/Pipeline", "platform/Boundary", False),
        ("stacksets-exec-0123456789abcdef", "platform/Boundary", True),
        ("Admin", "platform/BoundaryToo", True),
        ("Admin", "platform/Another", True),
        ("Admin", "Boundary", True),
        ("Admin", "team/platform/Boundary", True),
    ],
)
def test_service_control_policy_lets_only_stack_sets_change_the_boundary(
    principal: str,
    name: str,
    may: bool,  # noqa: FBT001
) -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    assert may_change_policies(control, principal, name) == may


def test_whoever_manages_the_boundary_can_be_exempted_as_the_guide_says() -> None:
    text = block("<!-- protect-roles -->", "json", ORGANIZATIONS)
    exempt = '["arn:*:iam::*:role/stacksets-exec-*"]'
    added = re.search(r'such as `("arn:[^`]*Pipeline")`', ORGANIZATIONS)
    assert added
    assert text.count(exempt) == 1
    assert f"`{exempt}`" in ORGANIZATIONS
    control = json.loads(text.replace(exempt, f"{exempt[:-1]}, {added[1]}]"))
    pipeline = "platform/Pipeline"
    assert may_change_policies(control, pipeline, "platform/Boundary")
    assert may_change_policies(control, "stacksets-exec-0123456789abcdef", "platform/Boundary")
    assert not may_change_policies(control, "Admin", "platform/Boundary")
    # It does not exempt that role from the rest.
    everything = {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}
    assert decide(
        [
            use(
                Role(pipeline, {}, {"Everything": everything}),
                action="iam:PutRolePolicy",
                resource=f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole",
                service_control_policy=control,
            )
        ]
    ) == [EXPLICITLY_DENIED]


STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/StackSet-PumpReadOnly-0123/4567"
STACKS = [STACK.replace("PumpReadOnly", name) for name in ("PumpReadOnly", "PumpAutoPilot")]
STACKS.append(STACK.replace("PumpReadOnly", "PlatformBoundary"))
EXECUTION = f"arn:aws:iam::{ACCOUNT_ID}:role/stacksets-exec-0123456789abcdef"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *(
            (action.name, STACKS[number % len(STACKS)])
            for number, action in enumerate(catalog.matching(["cloudformation:*"]))
            if not action.only_reads
            and any(":stack/" in resource for resource in action.resources)
            # What a resource's handler calls, with credentials of its own.
            and action.name != "cloudformation:RecordHandlerProgress"
        ),
        ("iam:PassRole", EXECUTION),
        ("sts:AssumeRole", EXECUTION),
    ],
)
def test_service_control_policy_closes_the_ways_through_the_execution_role(
    action: str, resource: str
) -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    everything = {"Everything": {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}}
    assert decide(
        [
            use(
                Role(name, {}, everything),
                action=action,
                resource=resource,
                service_control_policy=control,
            )
            for name in ("Admin", "stacksets-exec-0123456789abcdef")
        ]
    ) == [EXPLICITLY_DENIED, ALLOWED]


@pytest.mark.parametrize("stack", ["Network", "StackSet-Network-0123", "PumpReadOnly"])
def test_service_control_policy_leaves_other_stacks_to_everyone(stack: str) -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    everything = {"Everything": {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}}
    assert decide(
        [
            use(
                Role("Admin", {}, everything),
                action="cloudformation:UpdateStack",
                resource=f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/{stack}/4567",
                service_control_policy=control,
            )
        ]
    ) == [ALLOWED]


def test_service_control_policy_leaves_the_roles_to_pump() -> None:
    control = json.loads(block("<!-- protect-roles -->", "json", ORGANIZATIONS))
    assert decide(
        [use(role(), action=action, service_control_policy=control) for action in (READ, BUY)]
    ) == [ALLOWED, ALLOWED]


# What the schema of AWS::CloudFormation::StackSet lists for its handlers, without iam:PassRole.
HANDLER = [
    "CreateStackInstances",
    "CreateStackSet",
    "DeleteStackInstances",
    "DeleteStackSet",
    "DescribeStackInstance",
    "DescribeStackSet",
    "DescribeStackSetOperation",
    "GetTemplateSummary",
    "ListStackInstances",
    "ListStackSetOperationResults",
    "TagResource",
    "UntagResource",
    "UpdateStackInstances",
    "UpdateStackSet",
]


def stack_set_resources(action: str, name: str) -> list[str]:
    """Return what an action on a StackSet works on, as far as it concerns StackSets."""
    arn = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}"
    resources = {
        "*": "*",
        "stackset": f"{arn}:stackset/{name}:0123",
        "stackset-target": f"{arn}:stackset-target/{name}:0123/ou-abcd-12345678",
        "type": f"{arn}:type/resource/AWS-IAM-Role",
    }
    kinds = {
        resource.rpartition(f"{ACCOUNT_ID}:")[2].partition("/")[0]
        for resource in catalog.actions()[f"cloudformation:{action.lower()}"].resources
    }
    return [resource for kind, resource in resources.items() if kind in kinds]


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("PumpReadOnly", ALLOWED),
        ("PumpAutoPilot", ALLOWED),
        ("PumpReadOnlyToo", IMPLICITLY_DENIED),
        ("AWSControlTowerBP", IMPLICITLY_DENIED),
    ],
)
def test_service_role_may_do_what_the_handler_does_with_the_rollouts_only(
    name: str, decision: str
) -> None:
    policy = json.loads(block("<!-- service-role -->", "json", ORGANIZATIONS))
    service_role = Role("PumpRollout", {}, {"Rollouts": policy})
    asked = [
        (action, resource)
        for action in HANDLER
        for resource in stack_set_resources(action, name)
        # The summary of a template body is no StackSet's.
        if decision == ALLOWED or (":stackset" in resource and action != "GetTemplateSummary")
    ]
    assert {action for action, _ in asked} | {"CreateStackSet", "GetTemplateSummary"} == set(
        HANDLER
    )
    decisions = decide(
        [
            use(service_role, action=f"cloudformation:{action}", resource=resource)
            for action, resource in asked
        ]
    )
    assert set(decisions) == {decision}


def test_service_role_may_do_nothing_else() -> None:
    policy = json.loads(block("<!-- service-role -->", "json", ORGANIZATIONS))
    granted = {
        action.name
        for statement in policy["Statement"]
        for action in catalog.matching(statement["Action"])
    }
    delegated = "organizations:ListDelegatedAdministrators"
    assert granted == {f"cloudformation:{action}" for action in HANDLER} | {delegated}
    lambdas = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:type/resource/AWS-Lambda-Function"
    service_role = Role("PumpRollout", {}, {"Rollouts": policy})
    assert decide(
        [use(service_role, action="cloudformation:CreateStackInstances", resource=lambdas)]
    ) == [IMPLICITLY_DENIED]


def test_service_role_trusts_only_cloudformation() -> None:
    trusted = json.loads(block("<!-- service-role-trust -->", "json", ORGANIZATIONS))
    assert trusted["Statement"] == {
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_guide_to_guardrails_says_what_their_files_say() -> None:
    files = sorted((ROOT / "pump_roles" / "guardrails").glob("*.json"))
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", GUARDRAILS, re.MULTILINE)
    loaded = {file.stem: json.loads(file.read_text()) for file in files}
    assert {name: tuple(said) for name, *said in rows} == {
        name: (content["removes"], content["leaves"], content["costs"])
        for name, content in loaded.items()
    }


def test_guide_to_guardrails_lists_what_needed_only_leaves() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+:\w+)` \| (.*?) \| (.*?) \| (yes|no) \|$", GUARDRAILS, re.MULTILINE
    )
    read_only = {action.name for action in catalog.matching(ROLES["read-only"].patterns)}
    assert rows == [
        (name, need.needed, need.without, "yes" if name in read_only else "no")
        for name, need in Guardrail.NEEDED_ONLY.keeps.items()
    ]


def test_guide_to_guardrails_says_how_much_needed_only_leaves() -> None:
    kept = Guardrail.NEEDED_ONLY.keeps
    for kind, words in (
        ("auto-pilot", "the auto-pilot role's {} actions, {} stay"),
        ("read-only", "the read-only role's {}, {} stay."),
    ):
        granted = {action.name for action in catalog.matching(ROLES[kind].patterns)}
        assert words.format(len(granted), len(granted & kept.keys())) in GUARDRAILS
    (document,) = documents([Guardrail.NEEDED_ONLY], AUTO_PILOT).values()
    size, published = (
        sum(len(json.dumps(one, separators=(",", ":"))) for one in listed)
        for listed in ([document], [policy.document for policy in AUTO_PILOT.policies])
    )
    assert f"takes {size:,} of the 10,240 characters" in GUARDRAILS
    assert f"in addition to\n{published:,} for the published ones" in GUARDRAILS
    assert f"whole catalog ({len(catalog.actions()):,})" in GUARDRAILS


def counts(patterns: Iterable[str]) -> list[int]:
    """Return the number of patterns, of the actions that they match, and of those that write."""
    patterns = list(patterns)
    actions = catalog.matching(patterns)
    return [len(patterns), len(actions), sum(not action.only_reads for action in actions)]


def test_counts_of_the_readme_are_those_of_the_catalog() -> None:
    rows = re.findall(
        r"^\| (?:both|auto-pilot) \|(.*?)\|(.*?)\|(.*?)\|(.*?)\|", README, re.MULTILINE
    )
    listed = {name.strip(" `"): [int(count) for count in found] for name, *found in rows}
    assert listed == {
        **{policy.name: counts(policy.patterns) for policy in AUTO_PILOT.policies},
        "all four, each counted once": counts(set(AUTO_PILOT.patterns)),
    }


def test_counts_of_the_security_model_are_those_of_the_catalog() -> None:
    _, actions, writes = counts(AUTO_PILOT.patterns)
    assert f"has {actions} actions, of them {writes} that are not List or Read" in SECURITY
    assert f"and so {counts(['ce:*'])[2]} writes" in SECURITY
    assert f"`support:*` has {counts(['support:*'])[2]} writes" in SECURITY
    tagged = len(catalog.actions()["ec2:createtags"].resources)
    assert f"`ec2:CreateTags` works on {tagged} types of resource" in SECURITY
    assert f"puts {len(NEVER)} actions that neither role may ever do" in SECURITY
    _, actions, writes = counts(ROLES["read-only"].patterns)
    assert f"alone, whose {actions} actions are\nall List or Read" in SECURITY
    assert writes == 0


def test_security_model_names_every_write_of_cost_explorer() -> None:
    listed = re.search(r"<!-- ce-writes -->(.*?)<!-- /ce-writes -->", SECURITY, re.DOTALL)
    assert listed
    assert sorted(re.findall(r"`(ce:\w+)`", listed[1])) == sorted(
        action.name for action in catalog.matching(["ce:*"]) if not action.only_reads
    )


def test_every_action_that_the_security_model_names_is_granted_and_exists() -> None:
    names = set(re.findall(r"`((?!sts:)[a-z0-9-]+:[A-Z]\w+)`", SECURITY))
    granted = {action.name.lower() for action in catalog.matching(AUTO_PILOT.patterns)}
    assert {name for name in names if name.lower() not in granted} == set()


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("https:"):
            continue
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = [
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            ]
            assert anchor in slugs, target
