"""Whatever an account's roles can do other than expected is a difference."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pump_roles import Guardrail
from pump_roles.account.role_list import ListedRole
from pump_roles.account.verify.details import AccountDetails, read_files
from pump_roles.account.verify.expectation import Expectation, from_published, from_templates
from pump_roles.account.verify.one_account import compare
from pump_roles.account.verify.result import AccountResult, RoleResult, state_of
from pump_roles.compare import Difference
from pump_roles.iam.canonical import canonical
from pump_roles.iam.catalog import shipped
from pump_roles.iam.documents import Policy, as_list
from pump_roles.iam.patterns import covers
from pump_roles.json_input import InputError
from pump_roles.output.verify_words import REMEDIES, approval_in_words
from pump_roles.output.words import details_of, difference_in_words, unknown_in_words
from pump_roles.role import Boundary, Part, Unknown
from pump_roles.role import Role as HeldRole
from pump_roles.templates import Access, FoundRole
from tests.policies import rewritten
from tests.support import (
    ACTIONS,
    CONDITION,
    EVERYTHING,
    EXTERNAL_ID,
    OTHER_SECRET,
    PUMP_ACCOUNT,
    SECRET,
    STATEMENTS,
    examples,
    json_values,
    synthesize,
    trust,
)
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, Role, Simulation, assumption, decide, use

READ_ONLY, AUTO_PILOT = "read-only", "auto-pilot"
NAMES = {READ_ONLY: "PumpReadOnlyRole", AUTO_PILOT: "PumpAutoPilotRole"}
OTHER_ACCOUNT = "111122223333"
GONE = "AROAEXAMPLEEXAMPLE"


@dataclass
class Deployed:
    """A role as it is deployed."""

    trust: dict[str, Any]
    inline: dict[str, Any]
    managed: dict[str, Any] = field(default_factory=dict)

    @property
    def policies(self) -> dict[str, Any]:
        """The documents of its policies, by names that differ."""
        managed = {f"{name} (managed)": document for name, document in self.managed.items()}
        return {**self.inline, **managed}

    def forms(self) -> dict[str, str]:
        """The canonical forms of all its documents."""
        return {
            name: canonical(document)
            for name, document in {**self.policies, " trust": self.trust}.items()
        }


def managed_arn(name: str, account: str = ACCOUNT_ID, path: str = "/") -> str:
    return f"arn:aws:iam::{account}:policy{path}{name}"


def role_details(
    kind: str, role: Deployed, *, inline: Any = None, attached: Any = None, **more: Any
) -> HeldRole:
    """Return a role of an account, with other inline or attached policies if they are passed."""
    if inline is None:
        inline = [Policy(name=name, document=made) for name, made in role.inline.items()]
    if attached is None:
        attached = [
            Policy(name=name, arn=managed_arn(name), document=made)
            for name, made in role.managed.items()
        ]
    members = {
        "kind": kind,
        "name": NAMES[kind],
        "trust_policy": role.trust,
        "policies": (*inline, *attached),
    }
    return HeldRole(**{**members, **more})


def denied(part: Part, subject: str = "") -> Unknown:
    """What AWS did not let us read."""
    return Unknown(part=part, why="not-read", subject=subject, detail="denied")


def unknowns(result: RoleResult) -> list[str]:
    """What could not be checked, in words."""
    return [unknown_in_words(unknown) for unknown in result.unknown]


def account(*roles: HeldRole, others: Mapping[str, Any] | None = None, **more: Any) -> Any:
    trust_policies = {role.name: role.trust_policy for role in roles}
    members = {
        "account": ACCOUNT_ID,
        "partition": "aws",
        "roles": roles,
        "trust_policies": {**trust_policies, **(others or {})},
    }
    return AccountDetails(**{**members, **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthesized templates, with guardrails."""
    return synthesize(
        tmp_path_factory.mktemp("cdk.out"),
        Guardrail.RECOMMENDED,
        Guardrail.NO_SELLING,
        Guardrail.only_in_regions("us-east-1"),
        Guardrail.invitations_from(OTHER_ACCOUNT),
    )


@pytest.fixture(scope="module")
def expectation(folder: Path) -> Expectation:
    return from_templates(folder)


@pytest.fixture(scope="module")
def deployed(folder: Path) -> dict[str, Deployed]:
    """The roles as the templates deploy them, read without the package's help."""
    found = {}
    for kind, name in (READ_ONLY, "PumpReadOnly"), (AUTO_PILOT, "PumpAutoPilot"):
        template = json.loads((folder / f"{name}.template.json").read_text())
        role = Role.of_template(template)
        found[kind] = Deployed(dict(role.trust), dict(role.policies))
    return found


Change = Callable[[Deployed], object]


@pytest.fixture
def compared(expectation: Expectation, deployed: dict[str, Deployed]) -> Callable[..., RoleResult]:
    """Compare the auto-pilot role after a change of its documents, or of other details."""

    def result(
        change: Change = lambda _: None, expected: Expectation | None = None, **more: Any
    ) -> RoleResult:
        role = deepcopy(deployed[AUTO_PILOT])
        change(role)
        details = account(role_details(AUTO_PILOT, role, **more))
        (found,) = compare((expected or expectation).only([AUTO_PILOT]), details).roles
        return found

    return result


Compared = Callable[..., RoleResult]


def kinds(result: RoleResult) -> list[tuple[str, str]]:
    """The rules and effects of the differences."""
    return [(found.rule, found.effect) for found in result.differences]


def subjects(result: RoleResult) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in result.differences}


def test_roles_as_they_are_deployed_match(
    expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    details = account(*(role_details(kind, role) for kind, role in deployed.items()))
    found = compare(expectation, details, name="Production")
    assert (found.state, found.name, found.unknown, found.others) == ("match", "Production", (), ())
    assert [role.state for role in found.roles] == ["match", "match"]
    assert [role.kind for role in found.roles] == [READ_ONLY, AUTO_PILOT]
    assert all(not (role.differences or role.unknown or role.notes) for role in found.roles)


# The property: whatever changes a decision is a difference.

PATTERNS = [
    *(*ACTIONS, "s3:GetObject", "ec2:RunInstances", "savingsplans:*", "ce:*", "support:*"),
    *("EC2:purchase*", "organizations:AcceptHandshake", "iam:CreateServiceLinkedRole"),
]
CONDITIONS = [
    CONDITION,
    {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
    {"StringEquals": {"AWS:requestedregion": ["us-east-1", "eu-west-1"]}},
    {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}},
    {"Null": {"aws:RequestedRegion": "true"}},
    {"BoolIfExists": {"aws:SecureTransport": "false"}},
]
RESOURCES = ["*", "arn:aws:ec2:*", "arn:aws:ec2:us-east-1:*:*", "arn:aws:S3:::*", "arn:aws:s3:::*"]


@st.composite
def changed_statement(draw: st.DrawFn, statement: dict[str, Any]) -> list[dict[str, Any]]:
    """What becomes of a statement: nothing, it after a change, or it and another one."""
    changed = deepcopy(statement)
    excluded = "NotAction" in changed
    actions = as_list(changed.pop("NotAction" if excluded else "Action"))
    how = draw(
        st.sampled_from(
            ["less", "more", "other", "swap", "effect", "condition", "resource", "gone", "added"]
        )
    )
    if how == "gone":
        return []
    if how in ("less", "other"):
        actions.remove(draw(st.sampled_from(actions)))
    if how in ("more", "other"):
        actions.append(draw(st.sampled_from(PATTERNS)))
    if how == "swap":
        excluded = not excluded
    if how == "effect":
        changed["Effect"] = {"Allow": "Deny", "Deny": "Allow"}[changed["Effect"]]
    if how == "condition":
        changed["Condition"] = draw(st.sampled_from([*CONDITIONS, {}]))
    if how == "resource":
        name = draw(st.sampled_from(["Resource", "NotResource"]))
        for member in ("Resource", "NotResource"):
            changed.pop(member, None)
        changed[name] = draw(st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2))
    changed["NotAction" if excluded else "Action"] = actions
    more = [draw(STATEMENTS)] if how == "added" else []
    return [changed, *more] if actions else more


@st.composite
def changed_trust(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """A trust policy after a change."""
    changed = deepcopy(document)
    statement = changed["Statement"][0]
    how = draw(st.sampled_from(["ID", "operator", "condition", "principal", "action", "statement"]))
    ids = st.sampled_from([EXTERNAL_ID, OTHER_SECRET, "Example-*", EXTERNAL_ID.lower()])
    if how == "ID":
        statement["Condition"] = {
            "StringEquals": {"sts:ExternalId": draw(st.lists(ids, max_size=2))}
        }
    elif how == "operator":
        operator = draw(st.sampled_from(["StringLike", "StringEqualsIfExists", "StringNotEquals"]))
        statement["Condition"] = {operator: {"sts:ExternalId": draw(ids)}}
    elif how == "condition":
        statement["Condition"] = draw(st.sampled_from([{}, CONDITION]))
    elif how == "principal":
        principals = [PUMP_ACCOUNT, f"arn:aws:iam::{PUMP_ACCOUNT}:role/Worker", OTHER_ACCOUNT, "*"]
        named = draw(st.lists(st.sampled_from(principals), min_size=1, max_size=2))
        statement["Principal"] = draw(
            st.sampled_from([{"AWS": named}, {"AWS": named, "Service": "ec2.amazonaws.com"}])
        )
    elif how == "action":
        actions = ["sts:AssumeRole", "sts:TagSession", "sts:*", "STS:assumerole"]
        statement["Action"] = draw(st.lists(st.sampled_from(actions), min_size=1, max_size=2))
    else:
        changed["Statement"].append(
            {
                "Effect": draw(st.sampled_from(["Allow", "Deny"])),
                "Principal": draw(st.sampled_from(["*", {"AWS": OTHER_ACCOUNT}])),
                "Action": "sts:AssumeRole",
                "Condition": draw(
                    st.sampled_from([{}, CONDITION, {"StringLike": {"sts:ExternalId": "*"}}])
                ),
            }
        )
    return changed


@st.composite
def changed_role(draw: st.DrawFn, role: Deployed) -> Deployed:
    """A role after one to three changes."""
    changed = deepcopy(role)
    for _ in range(draw(st.integers(1, 3))):
        how = draw(
            st.sampled_from(["statement"] * 4 + ["trust", "add", "remove", "move", "duplicate"])
        )
        where = draw(st.sampled_from([changed.inline, changed.managed or changed.inline]))
        name = draw(st.sampled_from(sorted(where))) if where else ""
        if how == "trust":
            changed.trust = draw(changed_trust(role.trust))
        elif how == "add":
            added = draw(st.sampled_from([changed.inline, changed.managed]))
            made = draw(st.lists(STATEMENTS, min_size=1, max_size=2))
            extra = draw(st.sampled_from(["Extra", "PumpReadOnly", "PumpAutoPilot"]))
            added[extra] = {"Version": "2012-10-17", "Statement": made}
        elif not name:
            continue
        elif how == "remove":
            del where[name]
        elif how == "duplicate":
            # The policy is attached, rather than inline.
            changed.managed[name] = where.pop(name)
        else:
            statements = as_list(where[name]["Statement"])
            at = draw(st.integers(0, len(statements) - 1))
            if how == "statement":
                statements[at : at + 1] = draw(changed_statement(statements[at]))
            else:
                _move(draw, statements[at], changed.inline)
            if statements:
                where[name] = {**where[name], "Statement": statements}
            else:
                del where[name]
    return changed


def _move(draw: st.DrawFn, statement: dict[str, Any], policies: dict[str, Any]) -> None:
    # An action pattern, to another policy.
    actions = statement.get("Action")
    targets = [
        statement
        for document in policies.values()
        for statement in as_list(document["Statement"])
        if isinstance(statement.get("Action"), list)
    ]
    if isinstance(actions, list) and len(actions) > 1 and targets:
        pattern = actions.pop(draw(st.integers(0, len(actions) - 1)))
        draw(st.sampled_from(targets))["Action"].append(pattern)


def _patterns(role: Deployed) -> set[str]:
    found: set[str] = set()
    for document in role.policies.values():
        for statement in as_list(document["Statement"]):
            found.update(as_list(statement.get("Action", statement.get("NotAction"))))
    return found


ALWAYS = [
    *ACTIONS,
    *("s3:GetObject", "iam:CreateUser", "ec2:RunInstances", "ce:CreateReport", "ecs:DescribeTasks"),
    *("ec2:PurchaseReservedInstancesOffering", "ec2:CreateReservedInstancesListing"),
    *("savingsplans:CreateSavingsPlan", "support:CreateCase", "organizations:AcceptHandshake"),
    *("iam:CreateServiceLinkedRole", "servicequotas:RequestServiceQuotaIncrease"),
    *("rds:PurchaseReservedDBInstancesOffering", "budgets:ViewBudget"),
]
CONTEXTS = [
    {"aws:SecureTransport": "true", "aws:RequestedRegion": "us-east-1"},
    {"aws:SecureTransport": "false", "aws:RequestedRegion": "eu-west-1"},
    {},
]
CALLERS = [
    *(f"arn:aws:iam::{PUMP_ACCOUNT}:role/{name}" for name in ("Worker", "Intern")),
    f"arn:aws:iam::{OTHER_ACCOUNT}:role/Other",
]
EXTERNAL_IDS = [None, EXTERNAL_ID, OTHER_SECRET, "Example-*", EXTERNAL_ID.lower()]


def asked_about(before: Deployed, after: Deployed) -> list[str]:
    """Actions that a change can be about, and some others."""
    differ = _patterns(before) ^ _patterns(after)
    # A few actions represent all that a pattern matches.
    matched = [action.name for pattern in sorted(differ) for action in _some(pattern)]
    return [*dict.fromkeys([*ALWAYS, *matched])]


def _some(pattern: str) -> list[catalog.Action]:
    found = catalog.matching([pattern])
    return [*found[:1], *found[len(found) // 2 :][:1], *found[-1:]]


def simulations(kind: str, role: Deployed, actions: list[str]) -> dict[Any, Simulation]:
    """Requests of the role's session, and requests to assume it, by what they are about."""
    simulated = Role(NAMES[kind], role.trust, role.policies)
    asked: dict[Any, Simulation] = {}
    for name, (at, context) in product(actions, enumerate(CONTEXTS)):
        action = catalog.actions()[name.lower()]
        for resource in {action.resources[0], action.resources[-1]}:
            asked[name, resource, at] = use(
                simulated, action=name, resource=resource, context=context
            )
    for caller, external_id in product(CALLERS, EXTERNAL_IDS):
        request = assumption(simulated, caller=caller, external_id=external_id)
        asked["sts:AssumeRole", caller, external_id] = request
    return asked


def _is_about(difference: Difference, action: str) -> bool:
    # Of what NotAction allows, only the actions in the package's catalog are named.
    listed = action == "sts:AssumeRole" or action.lower() in shipped().actions
    return not listed or any(covers(pattern, action) for pattern in difference.actions)


# Each example asks the simulator about thousands of requests, so a failure is shown as it is.
@pytest.mark.slow
@settings(max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_whatever_a_change_allows_or_no_longer_allows_is_a_difference(
    data: st.DataObject, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    """The policy simulator decides what is allowed."""
    kind = data.draw(st.sampled_from([READ_ONLY, AUTO_PILOT]))
    before = deployed[kind]
    changed = [data.draw(changed_role(before)) for _ in range(6)]
    asked = []
    for after in changed:
        actions = asked_about(before, after)
        asked.append((simulations(kind, before, actions), simulations(kind, after, actions)))
    decided = iter(decide([role for pair in asked for side in pair for role in side.values()]))
    for after, (was, now) in zip(changed, asked, strict=True):
        allowed_before = {request for request in was if next(decided) == ALLOWED}
        allowed_after = {request for request in now if next(decided) == ALLOWED}
        (found,) = compare(expectation.only([kind]), account(role_details(kind, after))).roles
        assert found.state == ("match" if after.forms() == before.forms() else "differs")
        # Every newly allowed request has a difference that names its action.
        for more in allowed_after - allowed_before:
            assert any(
                difference.effect in ("broader", "other") and _is_about(difference, more[0])
                for difference in found.differences
            ), more
        for less in allowed_before - allowed_after:
            assert any(
                difference.effect in ("narrower", "other") and _is_about(difference, less[0])
                for difference in found.differences
            ), less


@given(data=st.data())
def test_roles_that_are_written_differently_but_mean_the_same_match(
    data: st.DataObject, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    kind = data.draw(st.sampled_from([READ_ONLY, AUTO_PILOT]))
    role = deployed[kind]
    name = data.draw(st.sampled_from(sorted(role.inline)))
    inline = {**role.inline, name: data.draw(rewritten(role.inline[name]))}
    if data.draw(st.booleans()):
        inline = dict(data.draw(st.permutations(list(inline.items()))))
    after = Deployed(data.draw(rewritten(role.trust)), inline)
    (found,) = compare(expectation.only([kind]), account(role_details(kind, after))).roles
    assert (found.state, found.differences, found.unknown) == ("match", (), ())


# Attempts to give more than expected, unseen.

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def attached(name: str, document: Any = EVERYTHING, arn: str = "") -> Policy:
    return Policy(name=name, arn=arn or managed_arn(name), document=document)


@pytest.mark.parametrize("first", [True, False])
def test_policy_whose_name_differs_only_in_case_is_not_hidden_by_the_expected_one(
    first: bool,  # noqa: FBT001
    compared: Compared,
    deployed: dict[str, Deployed],
) -> None:
    expected = [
        Policy(name=name, document=made) for name, made in deployed[AUTO_PILOT].inline.items()
    ]
    extra = [Policy(name="pumpreadonly", document=EVERYTHING)]
    found = compared(inline=extra + expected if first else expected + extra)
    assert found.state == "differs"
    assert "broader" in {effect for _, effect in kinds(found)}


@pytest.mark.parametrize(
    "policy",
    [
        attached("PumpReadOnly"),
        attached("pumpautopilot"),
        attached("PumpReadOnly", arn="arn:aws:iam::aws:policy/PumpReadOnly"),
        attached("AdministratorAccess", arn=ADMINISTRATOR),
        attached("PumpReadOnly", arn=managed_arn("PumpReadOnly", path="/pump/")),
        attached("PumpReadOnly", arn=f"arn:aws:iam::aws:policy/x:{ACCOUNT_ID}:/PumpReadOnly"),
        attached("PumpReadOnly@managed"),
        attached("X", {"Statement": {**EVERYTHING["Statement"], "Foo": 1}}),
        attached("X", {**EVERYTHING, "Foo": 1}),
        attached("X", {"Statement": {"Effect": "Allow", "NotAction": "x:y", "Resource": "*"}}),
        attached("X", {"Statement": [[EVERYTHING["Statement"]]]}),
        attached("X", "{}"),
        # It cannot be read.
        attached("X", None),
        attached("AdministratorAccess", None, arn=ADMINISTRATOR),
    ],
)
def test_attached_policy_is_broader_whatever_its_name(policy: Policy, compared: Compared) -> None:
    found = compared(attached=(policy,))
    assert found.state == "differs"
    assert ("policy-added", "broader") in kinds(found)
    assert ("policy-added", policy.name) in subjects(found)


def test_attached_policies_of_one_name_do_not_hide_each_other(compared: Compared) -> None:
    harmless = {"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}
    own, aws = attached("X", harmless), attached("X", arn="arn:aws:iam::aws:policy/X")
    for policies in (own, aws), (aws, own), (attached("x", harmless), attached("X")):
        found = compared(attached=policies)
        assert [rule for rule, _ in kinds(found)].count("policy-added") >= 2
        assert "broader" in {effect for _, effect in kinds(found)}


def with_policies(expectation: Expectation, **documents: tuple[bool, Any]) -> Expectation:
    """Expect further policies of the auto-pilot role: whether each is managed, and its document."""
    (way,) = expectation.only([AUTO_PILOT]).roles[0]
    more = tuple(
        Policy(name=name, document=document, arn=managed_arn(name) if managed else "")
        for name, (managed, document) in documents.items()
    )
    role = replace(way.role, policies=(*way.role.policies, *more))
    return replace(expectation, roles=((replace(way, role=role),),))


def test_policy_of_aws_does_not_replace_one_of_the_account_that_has_its_name(
    compared: Compared, expectation: Expectation
) -> None:
    expected = with_policies(expectation, X=(True, EVERYTHING))
    assert compared(expected=expected, attached=(attached("X"),)).state == "match"
    assert compared(expected=expected, attached=(attached("x"),)).state == "match"
    of_aws = attached("X", arn="arn:aws:iam::aws:policy/X")
    found = compared(expected=expected, attached=(of_aws,))
    assert subjects(found) == {("policy-removed", "X"), ("policy-added", "X")}


DENIES_RUNNING = {"Statement": {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}}
ALLOWS_RUNNING = {"Statement": {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}}


def test_policies_that_decide_differently_only_together_are_a_difference(
    compared: Compared, expectation: Expectation
) -> None:
    expected = with_policies(
        expectation,
        Allows=(False, ALLOWS_RUNNING),
        One=(False, DENIES_RUNNING),
        Two=(False, DENIES_RUNNING),
    )

    def given(**documents: Any) -> Change:
        return lambda role: role.inline.update(Allows=ALLOWS_RUNNING, **documents)

    assert compared(given(One=DENIES_RUNNING, Two=DENIES_RUNNING), expected).state == "match"
    single = compared(given(Two=DENIES_RUNNING), expected)
    assert kinds(single) == [("policy-removed", "other")]
    both = compared(given(), expected)
    assert kinds(both) == [
        ("policy-removed", "other"),
        ("policy-removed", "other"),
        ("policies-together", "broader"),
    ]
    assert both.differences[-1].actions == ("ec2:RunInstances",)


def test_reports_the_combined_effect_even_if_one_policy_narrows_it(
    compared: Compared, expectation: Expectation
) -> None:
    action = {"Action": "ec2:RunInstances"}
    west = {"Statement": {**action, "Effect": "Deny", "Resource": "arn:aws:ec2:eu-west-1:*:*"}}
    east = {"Statement": {**action, "Effect": "Allow", "Resource": "arn:aws:ec2:us-east-1:*:*"}}
    secure = {"Statement": {**ALLOWS_RUNNING["Statement"], "Condition": CONDITION}}
    expected = with_policies(
        expectation,
        East=(False, east),
        Secure=(False, secure),
        One=(False, west),
        Two=(False, west),
    )
    found = compared(lambda role: role.inline.update(Secure=secure), expected)
    assert kinds(found) == [
        ("policy-removed", "narrower"),
        ("policy-removed", "other"),
        ("policy-removed", "other"),
        ("policies-together", "other"),
    ]
    assert found.differences[0].actions == found.differences[-1].actions == ("ec2:RunInstances",)


def test_values_that_are_equal_only_in_python_are_a_difference(
    compared: Compared, expectation: Expectation
) -> None:
    """In Python, true equals 1."""
    condition = {"NumericEquals": {"aws:MultiFactorAuthAge": True}}
    extra = {"Statement": {**EVERYTHING["Statement"], "Condition": condition}}
    expected = with_policies(expectation, Extra=(False, extra))

    def add(value: Any) -> Change:
        document = json.loads(json.dumps(extra).replace("true", value))
        return lambda role: role.inline.update(Extra=document)

    assert compared(add("true"), expected).state == "match"
    assert subjects(compared(add("1"), expected)) == {("policy-changed", "Extra")}


def in_trust(**members: Any) -> Change:
    return lambda role: role.trust["Statement"][0].update(members)


def trusts_also(statement: Any) -> Change:
    return lambda role: role.trust["Statement"].append(statement)


ANYONE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    "change",
    [
        trusts_also([ANYONE]),
        trusts_also("text"),
        trusts_also({**ANYONE, "Principal": {"AWS": GONE}, "NotPrincipal": {"AWS": GONE}}),
        # A deleted principal must not hide an added one.
        lambda role: (
            in_trust(Principal={"AWS": [PUMP_ACCOUNT, GONE]})(role),
            trusts_also(ANYONE)(role),
        ),
        lambda role: (in_trust(Principal={"AWS": GONE})(role), trusts_also(ANYONE)(role)),
        in_trust(Principal={"AWS": [GONE, OTHER_ACCOUNT]}),
    ],
)
def test_trust_policy_that_admits_more_callers_is_broader(
    change: Change, compared: Compared
) -> None:
    found = compared(change)
    assert found.state == "differs"
    assert "broader" in {effect for rule, effect in kinds(found) if rule != "trust-broken"}
    assert any("sts:AssumeRole" in difference.actions for difference in found.differences)


def test_messages_show_the_root_of_an_account_as_its_id(compared: Compared) -> None:
    root = f"arn:aws:iam::{PUMP_ACCOUNT}:root"
    (difference,) = compared(in_trust(Principal={"AWS": root}, Condition={})).differences
    assert (difference.rule, difference.effect) == ("trust-policy", "broader")
    assert (difference.was, difference.now) == ((), ())
    found = compared(in_trust(Principal={"AWS": [root, GONE]}))
    assert kinds(found) == [("trust-broken", "other")]


def test_details_of_a_trust_policy_are_those_of_the_effect(compared: Compared) -> None:
    found = compared(in_trust(Principal={"AWS": OTHER_ACCOUNT}))
    assert {difference.effect: details_of(difference) for difference in found.differences} == {
        "broader": [f"trusts {OTHER_ACCOUNT}"],
        "narrower": [f"no longer trusts {PUMP_ACCOUNT}"],
    }
    (difference,) = compared(in_trust(Principal="*")).differences
    assert details_of(difference) == ["trusts *"]


def test_trust_policy_with_a_deleted_principal_is_broken(compared: Compared) -> None:
    found = compared(in_trust(Principal={"AWS": GONE}))
    assert kinds(found) == [("trust-broken", "narrower")]
    assert found.differences[0].now == (GONE,)
    assert GONE in difference_in_words(found.differences[0])


@pytest.mark.parametrize(
    "variable", ["${sts:ExternalId}", "${aws:PrincipalTag/Id}", "", "a", "two words", 12345, None]
)
def test_external_id_that_stays_open_is_not_any_text(variable: Any) -> None:
    """An unknown external ID must still be an external ID."""
    expected = from_published(PUMP_ACCOUNT).only([READ_ONLY])
    role = Deployed(
        trust(PUMP_ACCOUNT, variable),
        {policy.name: policy.document for policy in expected.roles[0][0].role.policies},
    )
    (found,) = compare(expected, account(role_details(READ_ONLY, role))).roles
    assert found.state == "differs"
    assert "broader" in {effect for _, effect in kinds(found)}
    role.trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": SECRET}}
    (found,) = compare(expected, account(role_details(READ_ONLY, role))).roles
    assert found.state == "match"
    assert [*map(unknown_in_words, found.notes)] == [
        "an external ID was not compared: the expected value is not known"
    ]


BOUNDARY = managed_arn("Boundary", path="/platform/")
NARROW = {"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}


def bounded(expectation: Expectation, arn: str, document: Any = None) -> Expectation:
    ways = expectation.only([AUTO_PILOT]).roles[0]
    return replace(
        expectation,
        roles=(
            tuple(replace(way, role=replace(way.role, boundary=Boundary(arn=arn))) for way in ways),
        ),
        boundary_document=document,
    )


@pytest.mark.parametrize(
    ("found", "document", "expected"),
    [
        (BOUNDARY, NARROW, ("match", [])),
        (BOUNDARY, {"Statement": [NARROW["Statement"]]}, ("match", [])),
        (BOUNDARY, EVERYTHING, ("differs", [("boundary-text", "broader")])),
        (
            BOUNDARY,
            {"Statement": {**NARROW["Statement"], "Action": "ec2:Describe*"}},
            ("differs", [("boundary-text", "narrower")]),
        ),
        (BOUNDARY, None, ("unknown", [])),
        (BOUNDARY.replace("/platform", ""), NARROW, ("differs", [("boundary-changed", "other")])),
        (BOUNDARY.lower(), NARROW, ("differs", [("boundary-changed", "other")])),
        (
            BOUNDARY.replace(ACCOUNT_ID, "aws"),
            EVERYTHING,
            ("differs", [("boundary-changed", "other")]),
        ),
        ("", None, ("differs", [("boundary-removed", "broader")])),
    ],
)
def test_different_boundary_or_boundary_document_is_a_difference(
    found: str,
    document: Any,
    expected: tuple[str, list[tuple[str, str]]],
    compared: Compared,
    expectation: Expectation,
) -> None:
    unknown = (denied("boundary", found),) if found and document is None else ()
    result = compared(
        expected=bounded(expectation, BOUNDARY, NARROW),
        boundary=Boundary(arn=found, document=document) if found else None,
        unknown=unknown,
    )
    assert (result.state, kinds(result)) == expected
    assert bool(result.boundary_sha256) == (document is not None)


def test_additional_boundary_is_narrower_and_an_unknown_document_is_noted(
    compared: Compared, expectation: Expectation
) -> None:
    boundary = Boundary(arn=BOUNDARY, document=EVERYTHING)
    assert kinds(compared(boundary=boundary)) == [("boundary-added", "narrower")]
    result = compared(expected=bounded(expectation, BOUNDARY), boundary=boundary)
    assert result.state == "match"
    (note,) = result.notes
    assert note == Unknown(part="boundary", why="open")
    assert "the policy document of its permissions boundary was not compared" in (
        unknown_in_words(note)
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"name": "pumpautopilotrole"}, ("role-name", "other")),
        ({"path": "/pump/"}, ("role-path", "other")),
        ({"session_seconds": 43_200}, ("session-duration", "broader")),
        ({"session_seconds": 1800}, ("session-duration", "narrower")),
        ({"tags": {"team": "x"}}, ("tag-added", "other")),
        ({"tags": {"AWS:team": "x"}}, ("tag-added", "other")),
    ],
)
def test_any_other_property_that_differs_is_a_difference(
    more: dict[str, Any], expected: tuple[str, str], compared: Compared
) -> None:
    found = compared(**more)
    assert (found.state, kinds(found)) == ("differs", [expected])


def test_compares_tags_except_aws_tags_and_allowed_tags(
    compared: Compared, expectation: Expectation
) -> None:
    ways = expectation.only([AUTO_PILOT]).roles[0]
    tagged = tuple(
        replace(way, role=replace(way.role, tags={"one": "1", "two": "2"})) for way in ways
    )
    expected = replace(expectation, roles=(tagged,), allowed_tags=frozenset({"team"}))
    same = {"one": "1", "two": "2", "team": "x", "aws:cloudformation:stack-name": "PumpAutoPilot"}
    assert compared(expected=expected, tags=same).state == "match"
    found = compared(expected=expected, tags={"one": "2", "more": "x"})
    assert subjects(found) == {
        ("tag-changed", "one"),
        ("tag-removed", "two"),
        ("tag-added", "more"),
    }


@pytest.fixture(scope="module")
def by_approval(tmp_path_factory: pytest.TempPathFactory) -> Expectation:
    """A role whose guardrails the customer opens with tags."""
    guardrails = (Guardrail.ONLY_WHEN_APPROVED, Guardrail.ONLY_BY_ORDER)
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), *guardrails)
    return from_templates(folder).only([AUTO_PILOT])


def with_tags(expected: Expectation, *, tags: Mapping[str, str], **more: Any) -> RoleResult:
    """Compare the expected role, with some tags."""
    ((variant,),) = expected.in_account(ACCOUNT_ID, "aws")
    (found,) = compare(expected, account(replace(variant, tags=tags, **more))).roles
    return found


@pytest.mark.parametrize(
    ("tags", "states"),
    [
        ({}, ["closed", "closed"]),
        ({"pump-commitments": "approved"}, ["closed", "open: approved"]),
        ({"pump-order": "17"}, ["order 17", "closed"]),
        # No session can have this name.
        ({"pump-order": "7"}, ["closed: 7", "closed"]),
        ({"pump-order": "order 17"}, ["closed: order 17", "closed"]),
        ({"pump-order": "17", "pump-commitments": "approved"}, ["order 17", "open: approved"]),
        ({"pump-order": "", "pump-commitments": ""}, ["closed", "closed"]),
        ({"pump-commitments": "Approved"}, ["closed", "closed: Approved"]),
        # IAM ignores the case of a key.
        ({"Pump-Order": "17", "PUMP-COMMITMENTS": "approved"}, ["order 17", "open: approved"]),
    ],
)
def test_tags_with_which_the_customer_opens_a_guardrail_are_shown_and_no_difference(
    tags: dict[str, str], states: list[str], by_approval: Expectation
) -> None:
    found = with_tags(by_approval, tags=tags)
    assert (found.state, found.differences) == ("match", ())
    assert [approval.guardrail for approval in found.approvals] == [
        "only-by-order",
        "only-when-approved",
    ]
    assert [approval_in_words(approval) for approval in found.approvals] == states


def test_tags_of_a_guardrail_that_is_not_expected_are_differences(
    by_approval: Expectation, compared: Compared
) -> None:
    tags = {"pump-order": "17", "pump-commitments": "approved"}
    found = compared(tags=tags)
    assert subjects(found) == {("tag-added", key) for key in tags}
    assert found.approvals == ()
    found = with_tags(by_approval, tags={**tags, "pump-hands-off": "yes"})
    assert subjects(found) == {("tag-added", "pump-hands-off")}


def test_guardrail_that_is_not_as_defined_is_not_said_to_be_closed(
    by_approval: Expectation,
) -> None:
    ((variant,),) = by_approval.in_account(ACCOUNT_ID, "aws")
    changed = tuple(
        replace(policy, document={**policy.document, "Statement": policy.document["Statement"][:1]})
        if policy.name == "PumpGuardrailOnlyByOrder"
        else policy
        for policy in variant.policies
    )
    found = with_tags(by_approval, tags={}, policies=changed)
    assert ("policy-changed", "PumpGuardrailOnlyByOrder") in subjects(found)
    assert [approval.guardrail for approval in found.approvals] == ["only-when-approved"]


def test_guardrail_is_not_said_to_be_closed_if_the_tags_could_not_be_read(
    by_approval: Expectation,
) -> None:
    found = with_tags(by_approval, tags={}, unknown=(denied("tags"),))
    assert (found.state, found.approvals) == ("unknown", ())


def test_external_id_in_a_tag_that_opens_a_guardrail_is_not_shown(
    by_approval: Expectation,
) -> None:
    (approval, _) = with_tags(by_approval, tags={"pump-order": f"{EXTERNAL_ID}-17"}).approvals
    assert (approval.guardrail, approval.value) == ("only-by-order", "(external ID)-17")


def test_role_that_does_not_exist_is_missing_unless_it_could_not_be_read(
    expectation: Expectation,
) -> None:
    unread = denied("role")
    found = compare(expectation, account(missing={NAMES[AUTO_PILOT].lower(): unread}))
    assert [(role.state, kinds(role), role.unknown) for role in found.roles] == [
        ("differs", [("role-missing", "narrower")], ()),
        ("unknown", [], (unread,)),
    ]
    assert found.state == "differs"
    assert found.roles[0].arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"


# What is not known is never a match, and hides no difference.


@pytest.mark.parametrize(
    "more",
    [
        {"inline": [], "unknown": (denied("inline-policies"),)},
        {"attached": [], "unknown": (denied("managed-policies"),)},
        {"unknown": (denied("session"),)},
        {"unknown": (denied("boundary"), denied("session"), denied("tags"))},
        {"unknown": (denied("role"),)},
        {"inline": [], "unknown": (denied("inline-policies"), denied("managed-policies"))},
    ],
)
def test_unknown_property_is_not_a_difference(more: dict[str, Any], compared: Compared) -> None:
    found = compared(**more)
    assert (found.state, found.differences) == ("unknown", ())
    assert found.unknown
    found = compared(in_trust(Principal="*"), **more)
    assert found.state == "differs"
    assert found.unknown


def test_documents_that_are_not_known_are_unknown(
    compared: Compared, deployed: dict[str, Deployed]
) -> None:
    inline = deployed[AUTO_PILOT].inline
    for name in inline:
        policies = [
            Policy(name=other, document=None if other == name else made)
            for other, made in inline.items()
        ]
        found = compared(inline=policies, unknown=(denied("inline-policies", name),))
        assert (found.state, found.differences) == ("unknown", ())
        assert unknowns(found) == [f"its inline policy {name} could not be read: denied"]


def test_unknown_account_does_not_match_and_a_difference_takes_precedence(
    expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = [role_details(kind, role) for kind, role in deployed.items()]
    found = compare(expectation, account(*roles, unknown=(denied("other-roles"),)))
    assert (found.state, found.unknown) == ("unknown", (denied("other-roles"),))
    longer = replace(roles[0], session_seconds=7200)
    both = account(longer, roles[1], unknown=(denied("other-roles"),))
    assert compare(expectation, both).state == "differs"
    unknown = replace(roles[1], unknown=(denied("session"),))
    assert compare(expectation, account(roles[0], unknown)).state == "unknown"
    assert compare(expectation, account(longer, unknown)).state == "differs"


def test_never_matches_if_nothing_was_compared(expectation: Expectation) -> None:
    assert state_of([]) == "unknown"
    assert state_of(["match", "unknown"]) == "unknown"
    assert state_of(["match", "unknown", "differs"]) == "differs"
    nothing = replace(expectation, roles=())
    assert compare(nothing, account()).state == "unknown"
    assert compare(nothing, account(others={"Admin": {"Statement": ANYONE}})).state == "differs"


def deep(levels: int) -> Any:
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize("levels", [50, 900, 5_000])
@pytest.mark.parametrize("where", ["inline", "trust", "other"])
def test_deeply_nested_policy_never_matches_and_does_not_affect_other_accounts(
    levels: int, where: str, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = deepcopy(deployed)
    statement = {**EVERYTHING["Statement"], "Condition": {"StringEquals": {"k": deep(levels)}}}
    if where == "inline":
        roles[AUTO_PILOT].inline["X"] = {"Statement": statement}
    if where == "trust":
        trusts_also({**ANYONE, "Condition": statement["Condition"]})(roles[AUTO_PILOT])
    others = {"Other": {"Statement": {**ANYONE, "Condition": statement["Condition"]}}}
    details = account(
        *(role_details(kind, role) for kind, role in roles.items()),
        others=others if where == "other" else {},
    )
    found = compare(expectation, details)
    assert found.state in ("differs", "unknown")
    too_deep = Unknown(part="account", why="too-deep")
    assert found.state == "differs" or found.unknown == (too_deep,)


ANY_JSON = json_values(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("*"),
    *("Version", "Statement", "Effect", "Action", "NotAction", "Resource", "Principal", "AWS"),
    *("Condition", "StringEquals", "sts:ExternalId", "Fn::Sub", "Ref", "Fn::If"),
)


@examples(40, 15)
@given(data=st.data())
def test_any_json_matches_only_if_it_means_the_same(
    data: st.DataObject, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    role = deepcopy(deployed[READ_ONLY])
    where = data.draw(st.sampled_from(["inline", "statement", "trust", "trust statement"]))
    value = data.draw(ANY_JSON)
    if where == "inline":
        role.inline["PumpBillingReadOnly"] = value
    elif where == "statement":
        role.inline["PumpBillingReadOnly"]["Statement"].append(value)
    elif where == "trust":
        role.trust = value
    else:
        role.trust["Statement"].append(value)
    (found,) = compare(expectation.only([READ_ONLY]), account(role_details(READ_ONLY, role))).roles
    if canonical(role.trust) != canonical(deployed[READ_ONLY].trust):
        assert found.state == "differs"
    elif found.state == "match":
        assert role.forms() == deployed[READ_ONLY].forms()


# External IDs.


@pytest.mark.parametrize("shorter", ["", "ab"])
def test_external_ids_appear_nowhere_in_a_result(
    shorter: str, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    role = deepcopy(deployed[AUTO_PILOT])
    second = shorter or OTHER_SECRET
    trusts_also({**ANYONE, "Principal": {"AWS": f"arn:aws:iam::1:role/{SECRET}"}})(role)
    in_trust(Condition={"StringEquals": {"sts:ExternalId": [SECRET, second, 98765432]}})(role)
    of_inline = {"StringLike": {"STS:externalid": "Of-Inline-1234"}}
    role.inline[f"Allows-{SECRET}"] = {
        "Statement": {
            "Effect": "Allow",
            "Action": [f"s3:{SECRET}", "s3:GetObject"],
            "Resource": f"arn:aws:s3:::{SECRET}",
            "Condition": of_inline,
        }
    }
    role.managed[f"Managed-{SECRET}"] = {"Statement": "Of-Inline-1234"}
    details = account(
        role_details(
            AUTO_PILOT,
            role,
            path=f"/{SECRET}/",
            tags={f"tag-{SECRET}": SECRET, EXTERNAL_ID: "x", second: "x", "98765432": "x"},
            boundary=Boundary(
                arn=managed_arn(f"B-{SECRET}"),
                document={
                    "Statement": {"Condition": {"StringEquals": {"sts:ExternalId": "Bound-1"}}}
                },
            ),
            unknown=(denied("managed-policies", SECRET), denied("boundary", "Bound-1")),
        ),
        others={
            f"Other-{SECRET}": {"Statement": {**ANYONE, "Condition": {}}},
            f"Role-{EXTERNAL_ID}": trust(OTHER_ACCOUNT, SECRET),
            "Bound-1": trust(PUMP_ACCOUNT, "Of-Other-1234"),
        },
        unknown=(denied("other-roles", SECRET),),
    )
    expected = expectation.with_external_ids([], external_id=EXTERNAL_ID)
    found = compare(expected, details, name=f"Account of {EXTERNAL_ID}")
    assert found.state == "differs"
    shown = json.dumps(asdict(found))
    for secret in (
        SECRET,
        EXTERNAL_ID,
        OTHER_SECRET,
        "Of-Inline",
        "Bound-1",
        "Of-Other",
        "98765432",
    ):
        assert secret not in shown
    assert '"ab"' not in shown
    assert "(external ID)" in shown


def test_account_id_stays_in_arns_even_if_it_is_the_external_id(compared: Compared) -> None:
    found = compared(in_trust(Condition={"StringEquals": {"sts:ExternalId": ACCOUNT_ID}}))
    assert found.arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"


def open_role(*external_ids: str, kind: str = READ_ONLY) -> tuple[Expectation, HeldRole]:
    """The published role, whose external ID is left open, and it in an account."""
    expected = from_published(PUMP_ACCOUNT).only([kind])
    role = Deployed(
        trust(PUMP_ACCOUNT, ""),
        {policy.name: policy.document for policy in expected.roles[0][0].role.policies},
    )
    in_trust(Condition={"StringEquals": {"sts:ExternalId": list(external_ids)}})(role)
    return expected, role_details(kind, role)


A, B, C = "Aaaaaaaa-1", "Bbbbbbbb-2", "Cccccccc-3"


@pytest.mark.parametrize(
    ("known", "accepted", "effect"),
    [
        (A, [A], None),
        (A, [A, A], None),
        (A, [B], "other"),
        (A, [A.lower()], "other"),
        (A, [A, B], "broader"),
        (A, [B, C], "other"),
        ("", [A], None),
        ("", [A, B], "broader"),
    ],
)
def test_external_ids_are_compared_if_they_are_known(
    known: str, accepted: list[str], effect: str | None
) -> None:
    expected, role = open_role(*accepted)
    (found,) = compare(expected.with_external_ids([], external_id=known), account(role)).roles
    assert kinds(found) == ([("external-id", effect)] if effect else [])
    assert bool(found.notes) == (not known and effect is None)
    assert not {*accepted, known} & {
        word for difference in found.differences for word in difference_in_words(difference).split()
    }


@pytest.mark.parametrize(
    ("known", "accepted", "effect"),
    [
        # The templates have one of the two IDs; the other one is open.
        ("", [A, B], None),
        ("", [B, A], None),
        ("", [A], "narrower"),
        ("", [B], "other"),
        ("", [A, B, C], "broader"),
        ("", [B, C], "other"),
        (B, [A, B], None),
        (B, [A, C], "other"),
        (B, [A], "narrower"),
        (B, [A, B, C], "broader"),
    ],
)
def test_external_ids_are_compared_during_a_rotation(
    known: str, accepted: list[str], effect: str | None
) -> None:
    expected, role = open_role(*accepted)
    way = expected.roles[0][0]
    document = deepcopy(way.role.trust_policy)
    document["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = [
        A,
        "${external-id}",
    ]
    role_then = replace(way.role, trust_policy=document)
    rotating = replace(expected, roles=((replace(way, role=role_then),),))
    rotating = rotating.with_external_ids([], external_id=known)
    (found,) = compare(rotating, account(role)).roles
    assert kinds(found) == ([("external-id", effect)] if effect else [])


def test_external_id_of_one_role_is_not_that_of_another() -> None:
    targets = [
        ListedRole(f"arn:aws:iam::{ACCOUNT_ID}:role/x/pumpreadonlyrole", A),
        ListedRole(f"arn:aws:iam::{OTHER_ACCOUNT}:role/PumpReadOnlyRole", B),
    ]
    expected, role = open_role(A)
    assert compare(expected.with_external_ids(targets), account(role)).state == "match"
    _, other = open_role(B)
    assert compare(expected.with_external_ids(targets), account(other)).state == "differs"
    (found,) = compare(expected.with_external_ids(targets[1:]), account(role)).roles
    assert found.state == "unknown"
    assert unknowns(found) == ["the --external-ids file does not list this role"]


# Roles that are deployed in several ways.


def test_role_of_a_template_for_the_account_is_compared_with_that_template() -> None:
    expected, role = open_role(A)
    (way,) = expected.roles[0]
    here = replace(way, account=ACCOUNT_ID)
    there = FoundRole(role=replace(way.role, path="/there/"), account=OTHER_ACCOUNT)
    anywhere = FoundRole(role=replace(way.role, path="/anywhere/"))

    def result(*ways: Any) -> RoleResult:
        (found,) = compare(replace(expected, roles=(ways,)), account(role)).roles
        return found

    assert result(here, there, anywhere).state == "match"
    assert result(there, here).state == "match"
    assert kinds(result(there, anywhere)) == [("role-path", "other")]
    only_there = result(there)
    assert only_there.state == "differs"
    assert unknowns(only_there) == ["the templates deploy this role only in other accounts"]
    assert result(replace(there, role=way.role)).state == "unknown"
    assert result(way, way).state == "match"
    several = result(way, anywhere)
    assert several.state == "unknown"
    assert unknowns(several)[0].startswith("the templates deploy different variants of this role")


def test_placeholders_are_filled_in_for_each_account(expectation: Expectation) -> None:
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/B"
    expected = bounded(expectation, boundary, {"Statement": "${AWS::AccountId}"})
    ((role,),) = expected.in_account(OTHER_ACCOUNT, "aws-cn")
    assert role.boundary is not None
    assert role.boundary.arn == f"arn:aws-cn:iam::{OTHER_ACCOUNT}:policy/B"


def test_only_some_kinds_of_roles_are_compared(expectation: Expectation) -> None:
    assert expectation.only([]) is expectation
    assert expectation.only([AUTO_PILOT]).names == ("PumpAutoPilotRole",)
    with pytest.raises(InputError, match="does not contain the auto-pilot role"):
        expectation.only([READ_ONLY]).only([AUTO_PILOT])


# Other roles.


def limited(condition: Any, principal: Any = "*") -> dict[str, Any]:
    return {"Statement": [{**ANYONE, "Principal": principal, "Condition": condition}]}


def of_organization(value: Any, operator: str = "StringEquals", **more: Any) -> dict[str, Any]:
    return limited({operator: {"aws:PrincipalOrgID": value}}, **more)


def of_account(value: Any, operator: str = "StringEquals") -> dict[str, Any]:
    return limited({operator: {"aws:PrincipalAccount": value}})


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": ANYONE},
        {"Statement": {**ANYONE, "Principal": "*"}},
        {"Statement": {**ANYONE, "Principal": {"AWS": ["*"], "Service": "ec2.amazonaws.com"}}},
        {"Statement": {**ANYONE, "Principal": {"AWS": [OTHER_ACCOUNT, "*"]}}},
        {
            "Statement": {
                "Effect": "Allow",
                "NotPrincipal": {"AWS": "1"},
                "Action": "sts:AssumeRole",
            }
        },
        {"Statement": [[ANYONE]]},
        {"Statement": {**ANYONE, "Effect": "allow"}},
        {"Statement": {**ANYONE, "Principal": None}},
        {"Statement": {**ANYONE, "Principal": {"aws": "*"}}},
        {"Statement": {"Effect": "Deny"}, "Foo": 1},
        "text",
        None,
        trust(PUMP_ACCOUNT, A),
        trust(f"arn:aws:iam::{PUMP_ACCOUNT}:root", A),
        trust(f"arn:aws:iam::{PUMP_ACCOUNT}:role/Worker", A),
        trust(f"arn:aws:sts::{PUMP_ACCOUNT}:assumed-role/Worker/session", A),
        {"Statement": {**ANYONE, "Principal": {"AWS": 999988887777}}},
        # Through one of Pump's roles.
        trust(f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole", A),
        trust(f"arn:aws:iam::{ACCOUNT_ID}:role/path/pumpAUTOPILOTrole", A),
        trust(f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/PumpReadOnlyRole/session", A),
        # With the ID that Pump passes.
        trust(OTHER_ACCOUNT, EXTERNAL_ID),
        limited({"StringLike": {"STS:externalid": EXTERNAL_ID}}, {"AWS": OTHER_ACCOUNT}),
        # Conditions that only seem to keep everyone out.
        of_organization("o-*", "StringLike"),
        of_organization("*", "StringLike"),
        of_organization(["o-abcdefghij", "*"], "StringLike"),
        of_organization("o-abcdefghij", "StringNotEquals"),
        of_organization("o-abcdefghij", "StringEqualsIfExists"),
        of_organization("o-abcdefghij", "ForAllValues:StringEquals"),
        of_organization("o-abcdefghij", "StringEqualsIgnoreCase"),
        of_organization("o-abcdefghij", "stringequals"),
        of_organization("${aws:PrincipalOrgID}"),
        of_organization("${aws:ResourceOrgID}"),
        of_organization(None),
        limited({"Null": {"aws:PrincipalOrgID": "false"}}),
        limited({"StringEquals": {"aws:ResourceOrgID": "o-abcdefghij"}}),
        limited({"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}),
        limited({"StringEquals": {"aws:PrincipalOrgIDs": "o-abcdefghij"}}),
        limited({"StringLike": {"aws:PrincipalOrgPaths": "o-*/*"}}),
        limited({"StringEquals": {"sts:ExternalId": A}}),
        limited({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER_ACCOUNT}:*"}}),
        limited({"Bool": {"aws:PrincipalIsAWSService": "false"}}),
        limited([{"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}]),
        limited({"StringEquals": "aws:PrincipalOrgID"}),
        of_account(PUMP_ACCOUNT),
        of_account(999988887777),
        of_account([OTHER_ACCOUNT, PUMP_ACCOUNT]),
        of_account("99998888777?", "StringLike"),
        of_account("9*", "StringLike"),
        of_account(OTHER_ACCOUNT, "StringNotEquals"),
        of_organization("o-abcdefghij", principal={"AWS": ["*", PUMP_ACCOUNT]}),
        # Pump's session is a principal of the account, and of its organization.
        of_organization("o-abcdefghij"),
        of_organization(["o-abcdefghij", "o-klmnopqrst"], "ForAnyValue:StringLike"),
        of_account(ACCOUNT_ID),
        of_account(OTHER_ACCOUNT),
        of_account([]),
        limited({"ForAnyValue:StringLike": {"AWS:principalORGpaths": "o-abcdefghij/*"}}),
    ],
)
def test_other_role_that_pump_or_everyone_can_assume_is_a_difference(
    document: Any, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = [role_details(kind, role) for kind, role in deployed.items()]
    found = compare(expectation, account(*roles, others={"Other": document}))
    assert (found.state, [role.state for role in found.roles]) == ("differs", ["match", "match"])
    assert [other.name for other in found.others] == ["Other"]
    assert found.others[0].alarms


@pytest.mark.parametrize(
    "document",
    [
        trust(OTHER_ACCOUNT, A),
        trust(f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRoleOfOurs", A),
        {"Statement": {**ANYONE, "Principal": {"Service": "ec2.amazonaws.com"}}},
        {"Statement": {**ANYONE, "Principal": {"Federated": "accounts.google.com"}}},
        {"Statement": {**ANYONE, "Effect": "Deny"}},
        {"Statement": []},
    ],
)
def test_other_role_that_others_can_assume_is_not_a_difference(
    document: Any, expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = [role_details(kind, role) for kind, role in deployed.items()]
    found = compare(expectation, account(*roles, others={"Other": document}))
    assert (found.state, found.others) == ("match", ())


def test_unexpected_pump_role_is_another_role(
    expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = [role_details(kind, role) for kind, role in deployed.items()]
    assert compare(expectation, account(*roles)).state == "match"
    found = compare(expectation.only([READ_ONLY]), account(*roles))
    assert found.state == "differs"
    (other,) = found.others
    assert (other.name, other.effect) == ("PumpAutoPilotRole", "broader")
    assert {role.state for role in found.roles} == {"match"}


ROLE_ENTRY = {
    "RoleName": "R",
    "Path": "/",
    "Arn": f"arn:aws:iam::{ACCOUNT_ID}:role/R",
    "AssumeRolePolicyDocument": {},
    "RolePolicyList": [],
    "AttachedManagedPolicies": [],
}


def test_other_role_that_the_same_templates_expect_is_named_as_such(
    expectation: Expectation, deployed: dict[str, Deployed]
) -> None:
    roles = [role_details(kind, deployed[kind]) for kind in (READ_ONLY, AUTO_PILOT)]
    copies = {"Copy": deployed[AUTO_PILOT].trust}
    found = compare(expectation.only([READ_ONLY]), account(*roles, others=copies))
    said = {other.name: other.alarms for other in found.others}
    assert said.keys() == {"Copy", NAMES[AUTO_PILOT]}
    also = Access("named-like-omitted-role", AUTO_PILOT)
    assert said[NAMES[AUTO_PILOT]] == (*said["Copy"], also)
    assert "verify it, too" in REMEDIES["other-access"]


@pytest.mark.parametrize("more", [{"IsTruncated": True}, {"NextToken": "x"}, {"Marker": "x"}])
def test_rejects_a_file_with_only_part_of_an_account(more: dict[str, Any], tmp_path: Path) -> None:
    """With --max-items, the AWS CLI writes NextToken instead of IsTruncated."""
    file = tmp_path / "details.json"
    file.write_text(json.dumps({"RoleDetailList": [ROLE_ENTRY]}))
    assert [details.account for details in read_files([file])] == [ACCOUNT_ID]
    file.write_text(json.dumps({"RoleDetailList": [ROLE_ENTRY], **more}))
    with pytest.raises(InputError, match="it is truncated"):
        read_files([file])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            {"RoleDetailList": [ROLE_ENTRY, {**ROLE_ENTRY, "RoleName": "r"}]},
            "a role is listed twice",
        ),
        ({"RoleDetailList": [{**ROLE_ENTRY, "RoleName": 5}]}, "is not a string"),
        ({"RoleDetailList": [ROLE_ENTRY], "Policies": ["x"]}, "a value has the wrong type"),
    ],
)
def test_file_that_no_account_has_is_rejected(content: Any, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "details.json"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=reason):
        read_files([file])


def test_does_not_show_an_external_id_in_a_folder_name(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / f"of-{EXTERNAL_ID}")
    assert from_templates(folder).description == "of-(external ID)"


def test_result_counts_the_calls_of_an_account(expectation: Expectation) -> None:
    found: AccountResult = compare(expectation, account(calls=7))
    assert (found.account, found.calls) == (ACCOUNT_ID, 7)
