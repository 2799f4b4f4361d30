"""Guardrails: what each denies on a role, and that a guardrail can only deny."""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from pump_roles import (
    ArgumentError,
    AutoPilotRole,
    AutoPilotRollout,
    AutoPilotStack,
    Guardrail,
    ReadOnlyRole,
)
from pump_roles import guardrails as package
from pump_roles.guardrails import (
    WITH_VALUE,
    is_set,
    opening_tags,
    opening_value,
    parts_of,
    with_statements,
)
from pump_roles.guardrails.guardrail_documents import documents, documents_on, made_redundant
from pump_roles.iam.catalog import shipped
from pump_roles.iam.identity_policies import Policy, asked_tags
from pump_roles.inputs import mapped
from pump_roles.inputs.validators import REGION_NAMES
from pump_roles.published import ROLES
from pump_roles.role.guardrail_policies import as_policies, guardrail_of
from tests.every_guardrail import EVERY, FILLED
from tests.support import ROLE_ARGUMENTS, policies_of, size_of

AUTO_PILOT = ROLES["auto-pilot"]
SINGLE = [guardrail for _, guardrail in sorted(EVERY.items()) if not is_set(guardrail)]


REDUNDANT = [
    EVERY[name]
    for name in [
        *("commitment-tags-only", "invitations-from", "metadata-only", "no-billing-preferences"),
        *("no-invitations", "no-support-writes", "organizations-linked-role-only"),
    ]
]
"""Those that deny nothing which ``needed-only`` does not deny, found by hand."""
OF_READ_ONLY = {"metadata-only", "needed-only", "until"}
"""Those that deny something which the read-only role has, found by hand."""
NEED = {"needed": "why", "without": "what is lost"}
ANYWHERE = {"Resource": "*"}


def auto_pilot(*guardrails: Guardrail) -> dict[str, Any]:
    """Return the inline policies of an auto-pilot role with guardrails."""
    stack = AutoPilotStack(App(), "S", guardrails=guardrails)
    return policies_of(Template.from_stack(stack).to_json())


def customers(*statements: dict[str, Any], **members: Any) -> Guardrail:
    """Return a guardrail with statements."""
    return with_statements(statements, **{"name": "mine", "removes": "a", "costs": "b", **members})


def own(pattern: str = "ec2:Describe*", **change: Any) -> Guardrail:
    """Return a guardrail of a customer's own."""
    return customers({"Action": {pattern: "why"}, "Resource": "*"} | change)


@pytest.mark.parametrize("guardrail", SINGLE, ids=lambda guardrail: guardrail.name)
def test_becomes_an_inline_policy_next_to_the_published_ones(guardrail: Guardrail) -> None:
    found = auto_pilot(guardrail)
    published = {policy.name: policy.document for policy in AUTO_PILOT.policies}
    assert json.dumps({name: found[name] for name in published}) == json.dumps(published)
    assert set(found) - set(published) == {guardrail.policy_name}
    assert re.fullmatch("PumpGuardrail[A-Za-z]+", guardrail.policy_name)
    for statement in found[guardrail.policy_name]["Statement"]:
        assert statement["Effect"] == "Deny"
        assert ("Resource" in statement) != ("NotResource" in statement)


ALL_VALUES = {**FILLED, "only-in-regions": Guardrail.only_in_regions(*REGION_NAMES)}


@pytest.mark.parametrize(
    ("main", "alternative"),
    [
        (Guardrail.RECOMMENDED, Guardrail.NEEDED_ONLY),
        (Guardrail.NEEDED_ONLY, Guardrail.RECOMMENDED),
    ],
    ids=lambda guardrail: guardrail.name,
)
def test_each_two_next_to_recommended_or_needed_only_and_every_value_fit_into_iams_quota(
    main: Guardrail, alternative: Guardrail
) -> None:
    base = documents([main, *ALL_VALUES.values()], AUTO_PILOT)
    taken = sum(size_of(policy.document) for policy in AUTO_PILOT.policies)
    taken += sum(map(size_of, base.values()))
    names = {guardrail.name for guardrail in [*base, *parts_of(alternative)]}
    more = [guardrail for guardrail in SINGLE if guardrail.name not in names]
    assert len(more) >= 6
    sizes = [size_of(document) for document in documents(more, AUTO_PILOT).values()]
    assert taken + sum(sorted(sizes)[-2:]) <= 10_240


def test_error_about_the_quota_says_which_guardrails_are_redundant() -> None:
    large = own(Resource=["x" * 8_000])
    with pytest.raises(ArgumentError) as caught:
        auto_pilot(
            *(large, Guardrail.NO_COMMITMENTS, Guardrail.ONLY_WHEN_APPROVED),
            *(FILLED["only-in-regions"], FILLED["invitations-from"], Guardrail.NO_INVITATIONS),
        )
    assert caught.value.problem.endswith(
        "; omit only-in-regions, only-when-approved, which no-commitments makes redundant"
        "; omit invitations-from, which no-invitations makes redundant"
    )


def redundant(*guardrails: Guardrail) -> Mapping[str, list[str]]:
    """Return what is redundant on an auto-pilot role, by what makes it redundant."""
    return made_redundant(guardrails, documents(guardrails, AUTO_PILOT))


def test_guardrails_that_add_to_each_other_are_not_redundant() -> None:
    by_tags = [Guardrail.ONLY_WHEN_APPROVED, Guardrail.HANDS_OFF]
    assert not redundant(Guardrail.NEEDED_ONLY, Guardrail.NO_QUOTA_INCREASES, *by_tags)
    assert not redundant(Guardrail.RECOMMENDED, FILLED["only-in-regions"], *by_tags)
    assert not redundant(Guardrail.NO_COMMITMENTS, Guardrail.HANDS_OFF, FILLED["until"])
    # A set of guardrails is redundant only if each one is: needed-only lets Pump request quotas.
    assert not redundant(Guardrail.RECOMMENDED, Guardrail.NEEDED_ONLY)


READS = customers(name="reads", _members=(Guardrail.METADATA_ONLY,))


@pytest.mark.parametrize(
    ("strict", "others"),
    [
        (
            Guardrail.NO_COMMITMENTS,
            [Guardrail.NO_SELLING, FILLED["only-in-regions"], Guardrail.ONLY_WHEN_APPROVED],
        ),
        (Guardrail.NEEDED_ONLY, REDUNDANT),
        (Guardrail.NEEDED_ONLY, [FILLED["invitations-from"], READS]),
        (Guardrail.NO_INVITATIONS, [FILLED["invitations-from"]]),
        (Guardrail.HANDS_OFF, [Guardrail.NO_SELLING]),
    ],
)
def test_stricter_guardrail_makes_others_redundant(
    strict: Guardrail, others: list[Guardrail]
) -> None:
    names = [guardrail.name for guardrail in others]
    assert redundant(*others, strict) == {strict.name: names}


def test_one_of_two_guardrails_that_deny_the_same_is_redundant() -> None:
    same = Guardrail.denying("mine-too", "ec2:Describe*", reason="why")
    assert redundant(own(), same) == {"mine": ["mine-too"]}


@given(st.permutations(SINGLE))
@settings(max_examples=10)
def test_order_of_guardrails_does_not_change_the_template(shuffled: list[Guardrail]) -> None:
    assert list(documents(shuffled, AUTO_PILOT)) == SINGLE


def test_order_of_regions_does_not_change_the_template() -> None:
    regions = ("us-east-1", "eu-west-1", "ap-south-1")
    assert Guardrail.only_in_regions(*regions) == Guardrail.only_in_regions(*regions[::-1])
    assert Guardrail.only_in_regions(*regions).values == tuple(sorted(regions))


def test_recommended_adapts_to_the_role() -> None:
    recommended = Guardrail.RECOMMENDED
    assert tuple(documents([recommended], ROLES["read-only"])) == (Guardrail.METADATA_ONLY,)
    assert tuple(documents([recommended], AUTO_PILOT)) == parts_of(recommended)


@pytest.mark.parametrize("guardrail", SINGLE, ids=lambda guardrail: guardrail.name)
def test_role_rejects_a_guardrail_that_would_do_nothing(guardrail: Guardrail) -> None:
    if guardrail.name in OF_READ_ONLY:
        assert documents([guardrail], ROLES["read-only"])
        return
    with pytest.raises(ArgumentError) as caught:
        ReadOnlyRole(Stack(), "R", **ROLE_ARGUMENTS, guardrails=[guardrail])
    assert (caught.value.argument, caught.value.guardrail) == ("guardrails", guardrail.name)
    assert caught.value.problem == f"{guardrail.name} would have no effect on the read-only role"


NO_HOSTS = Guardrail.denying("no-hosts2", "ec2:PurchaseHost*", reason="We own none.")


def test_own_guardrail_denies_what_the_role_has_of_its_actions() -> None:
    policy = auto_pilot(NO_HOSTS)["PumpGuardrailNoHosts2"]
    (statement,) = policy["Statement"]
    assert statement == {"Effect": "Deny", "Action": ["ec2:PurchaseHost*"], "Resource": "*"}
    assert NO_HOSTS.reasons == {"ec2:PurchaseHost*": "We own none."}
    with pytest.raises(ArgumentError, match="would have no effect on the read-only role"):
        ReadOnlyRole(Stack(), "R", **ROLE_ARGUMENTS, guardrails=[NO_HOSTS])


@pytest.mark.parametrize(
    ("name", "actions", "reason", "problem"),
    [
        ("NoLambda", ["ec2:RunInstances"], "why", "name: 'NoLambda' is not a guardrail's name"),
        ("no-selling", ["ec2:RunInstances"], "why", "name: no-selling is a guardrail of this pack"),
        ("nosel-ling", ["ec2:RunInstances"], "why", "name: no-selling is a guardrail of this pack"),
        ("recommended", ["ec2:RunInstances"], "why", "name: recommended is a guardrail of this pa"),
        ("mine", [], "why", "actions: the list is empty"),
        ("mine", [["ec2:Run"]], "why", r"actions: \['ec2:Run'\] is a list; pass each element as a"),
        ("mine", ["ec2:R*n"], "why", r"actions: 'ec2:R\*n' is not an action such as"),
        ("mine", ["*"], "why", r"actions: '\*' is not an action such as"),
        ("mine", ["ec2:Run", "ec2:Run"], "why", "actions: 'ec2:Run' is listed twice"),
        ("mine", ["ce:Get*"], " ", "reason: ' ' is not a reason"),
        ("mine", ["ce:Get*", "ec2:Run"], "why", "actions: ec2:Run takes nothing away: no role has"),
    ],
)
def test_own_guardrail_has_a_name_of_its_own_actions_and_a_reason(
    name: str, actions: list[str], reason: str, problem: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{problem}"):
        Guardrail.denying(name, *actions, reason=reason)


@pytest.mark.parametrize(
    ("guardrails", "problem"),
    [
        ([Guardrail.NO_SELLING, Guardrail.NO_SELLING], "no-selling is listed twice"),
        (
            [Guardrail.denying(name, "ec2:PurchaseHost*", reason="why") for name in ("a-b", "ab")],
            "ab is too similar to a-b",
        ),
        (
            [Guardrail.METADATA_ONLY, Guardrail.RECOMMENDED],
            "metadata-only is listed twice, also in recommended",
        ),
        ([Guardrail.RECOMMENDED, Guardrail.METADATA_ONLY], "metadata-only is listed twice"),
        (
            [Guardrail.only_in_regions("us-east-1"), Guardrail.only_in_regions("us-east-2")],
            "only-in-regions is listed twice",
        ),
        ([None], "None is not a Guardrail"),
        (["no-selling"], "'no-selling' is a name; use Guardrail.NO_SELLING"),
        (["no-seling"], "there is no guardrail 'no-seling'; did you mean no-selling?"),
        (
            ["until"],
            "until takes a value; use the key until, or Guardrail.until()",
        ),
        (
            Guardrail.NO_SELLING,
            f"{Guardrail.NO_SELLING!r} is not a list of Guardrails; put it in a list",
        ),
        ("recommended", "'recommended' is not a list of Guardrails"),
    ],
)
def test_role_rejects_what_is_not_a_list_of_different_guardrails(
    guardrails: list[Any], problem: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        AutoPilotRole(Stack(), "R", **ROLE_ARGUMENTS, guardrails=guardrails)
    assert str(caught.value) == f"Default/R: guardrails: {problem}"


@pytest.mark.parametrize("none", [None, [], ()])
def test_role_and_rollout_can_have_no_guardrails(none: Any) -> None:
    templates = []
    for arguments in ({}, {"guardrails": none}):
        stack = Stack()
        AutoPilotRole(stack, "R", **ROLE_ARGUMENTS, **arguments)
        AutoPilotRollout(stack, "O", organizational_units=["r-abcd"], **ROLE_ARGUMENTS, **arguments)
        templates.append(Template.from_stack(stack).to_json())
    assert templates[0] == templates[1]


def test_names_are_those_of_the_files_that_need_no_value_with_sets_last() -> None:
    files = {
        file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
        for file in resources.files(package).iterdir()
        if file.name.endswith(".json")
    }
    single = sorted(
        name for name, content in files.items() if not {"value", "members"} & content.keys()
    )
    sets = sorted(name for name, content in files.items() if "members" in content)
    assert Guardrail.names() == (*single, *sets)
    assert sets == ["recommended"]
    assert {name for name, content in files.items() if "value" in content} == FILLED.keys()
    assert FILLED.keys() == WITH_VALUE.keys()
    assert {guardrail.name for guardrail in FILLED.values()} == FILLED.keys()


@pytest.mark.parametrize("name", Guardrail.names())
def test_guardrail_without_a_value_is_a_documented_constant_and_has_its_name(name: str) -> None:
    constant = name.upper().replace("-", "_")
    guardrail = Guardrail.named(name)
    assert getattr(Guardrail, constant) is guardrail
    # Type checkers and help() know only what is declared.
    source = inspect.getsource(Guardrail)
    assert re.search(rf'^    {constant} = _Shipped\(\)\n    """', source, re.MULTILINE)
    assert (guardrail.name, guardrail.value, guardrail.ends) == (name, "", None)
    assert guardrail.removes
    assert guardrail.costs


def test_help_explains_each_member_of_a_guardrail() -> None:
    explained = re.findall(r"^:ivar (\w+): \S", inspect.getdoc(Guardrail) or "", re.MULTILINE)
    assert explained == [found.name for found in fields(Guardrail) if found.name[0] != "_"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("no-seling", "did you mean no-selling?"),
        ("Metadata-Only", "did you mean metadata-only?"),
        ("xyz", f"the guardrails are {', '.join(Guardrail.names())}"),
        (["no-selling"], "is not the name of a guardrail"),
        ("until", "until takes a value; use the key until, or Guardrail.until()"),
        (
            "only-in-regions",
            "takes a value; use the key only-in-regions, or Guardrail.only_in_regions()",
        ),
    ],
)
def test_unknown_name_is_an_error_with_the_nearest_one(name: Any, hint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Guardrail.named(name)
    assert hint in caught.value.problem


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": {"ec2:Run*": "why"}, "Effect": "Allow", "Resource": "*"}, "more than what it"),
        ({"Action": {"ec2:Run*": "why"}}, "either Resource or NotResource"),
        ({"Action": {"ec2:Run*": ""}, "Resource": "*"}, "has no reason"),
        ({"Action": {"ec2:R*n": "why"}, "Resource": "*"}, "is not an action"),
        ({"Resource": "*"}, "either Action or NotAction"),
        (
            {"Action": {"ec2:Run*": "why"}, "NotAction": {"ec2:Run": NEED}, "Resource": "*"},
            "either Action or NotAction",
        ),
        ({"NotAction": {"ec2:Run*": NEED}, "Resource": "*"}, "is not an action"),
        ({"NotAction": {"*": NEED}, "Resource": "*"}, "is not an action"),
        ({"Action": {"*:Run": "why"}, "Resource": "*"}, "is not an action"),
        ({"NotAction": {"ec2:Run": {"needed": "why"}}, "Resource": "*"}, "must say what"),
        ({"NotAction": {"ec2:Run": {**NEED, "without": " "}}, "Resource": "*"}, "must say what"),
    ],
)
def test_guardrail_cannot_allow(statement: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=rf"^mine: .*{problem}"):
        customers(statement)


@pytest.mark.parametrize("arguments", [(), ("mine",), ("mine", "a", "b")])
def test_guardrail_is_not_constructed_by_hand(arguments: tuple[Any, ...]) -> None:
    construct: Any = Guardrail
    for named in ({}, {"removes": "everything"}):
        with pytest.raises(TypeError, match="would deny nothing; use a constant"):
            construct(*arguments, **named)
    with pytest.raises(TypeError, match="would deny nothing"):
        replace(Guardrail.NO_SELLING, name="mine")


@pytest.mark.parametrize(
    ("create", "values", "problem"),
    [
        (Guardrail.only_in_regions, (), "only-in-regions: the list is empty"),
        (
            Guardrail.only_in_regions,
            ("us-eastt-1",),
            ".* no Region 'us-eastt-1'; did you mean us",
        ),
        (
            Guardrail.only_in_regions,
            (["eu-west-1"],),
            r"only-in-regions: \['eu-west-1'\] is a list; pass each element as a separate argum",
        ),
        (Guardrail.only_in_regions, ("eu-west-9",), "only-in-regions: there is no Region 'eu-west"),
        (Guardrail.only_in_regions, ("US-EAST-1",), ".*'US-EAST-1' is not the name of a Region"),
        (Guardrail.only_in_regions, ("*",), r".*'\*' is not the name of a Region"),
        *(
            (Guardrail.invitations_from, (account,), "invitations-from: .* is not a 12-digit acco")
            for account in ("*", None, 111122223333)
        ),
    ],
)
def test_rejects_regions_and_accounts_that_do_not_exist(
    create: Any, values: Any, problem: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{problem}"):
        create(*values)


def test_no_condition_key_has_the_region_of_a_savings_plan() -> None:
    """So only-in-regions says that Pump can buy one for a Region that is not listed."""
    actions, session = shipped().actions, get_session()
    assert "ec2:Region" in actions["ec2:purchasereservedinstancesoffering"].conditions
    assert set(actions["savingsplans:createsavingsplan"].conditions) == {
        "aws:RequestTag/${TagKey}",
        "aws:TagKeys",
    }
    # The offering has the Region. The API has one endpoint, so aws:RequestedRegion does not vary.
    model: Any = session.get_service_model("savingsplans")
    assert "region" in model.shape_for("SavingsPlanOfferingPropertyKey").enum
    assert session.get_available_regions("savingsplans", allow_non_regional=True) == ["aws-global"]


@pytest.mark.parametrize(
    "moment",
    [
        *("2027-01-31T18:00:00", "2027-01-31", "tomorrow", "", "2027-01-31T18:00:00Z\n"),
        *("2027-13-31T18:00:00Z", "2027-02-30T18:00:00Z", "2027-01-31T25:00:00Z"),
        *("2027-01-31T18:00:00+25:00", "\u0662027-01-31T18:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
        datetime(2027, 1, 31),  # noqa: DTZ001
        *(None, 1_800_000_000),
    ],
)
def test_until_rejects_a_time_without_a_time_zone(moment: Any) -> None:
    problem = r"^until: .* is not a date and time with a time zone"
    with pytest.raises(ArgumentError, match=problem) as caught:
        Guardrail.until(moment)
    assert not re.search("datetime|timedelta|out of range|must be in", str(caught.value))


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_moment_is_written_in_utc(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    guardrail = Guardrail.until(moment)
    assert guardrail == Guardrail.until(moment.isoformat(timespec="seconds"))
    (document,) = documents_on(guardrail, AUTO_PILOT.patterns).values()
    (condition,) = re.findall(r'"aws:CurrentTime": "([^"]*)"', json.dumps(document))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", condition)
    assert guardrail.values == (condition,)
    written = datetime.fromisoformat(condition.replace("Z", "+00:00"))
    assert written == guardrail.ends == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("guardrail", "words"),
    [
        (
            Guardrail.only_in_regions("us-east-1", "us-east-2", "eu-west-1"),
            "only eu-west-1, us-east-1 and us-east-2",
        ),
        (Guardrail.invitations_from("111122223333"), "invitations from 111122223333"),
        (Guardrail.until("2927-01-31T19:00:00+01:00"), "until 31 January 2927, 18:00 UTC"),
        (Guardrail.until("2927-12-01T00:00:09Z"), "until 1 December 2927, 00:00:09 UTC"),
        (Guardrail.ONLY_WHEN_APPROVED, "only while you approve (the role's tag pump-commitments)"),
        (Guardrail.HANDS_OFF, "except what has your tag pump-hands-off"),
        (Guardrail.NO_SELLING, ""),
    ],
)
def test_says_in_words_what_remains(guardrail: Guardrail, words: str) -> None:
    assert guardrail.value_in_words == words


@pytest.mark.parametrize("guardrail", SINGLE, ids=lambda guardrail: guardrail.name)
def test_policy_depends_only_on_the_tag_with_which_the_customer_opens_it(
    guardrail: Guardrail,
) -> None:
    (document,) = documents_on(guardrail, ROLES["auto-pilot"].patterns).values()
    # As in a StackSet, whose template is a string.
    for text in (json.dumps(document), json.dumps(json.dumps(document))):
        assert opening_tags(asked_tags(text)) == ({guardrail.tag} if guardrail.tag else set())
    (policy,) = as_policies({guardrail: document})
    assert policy.asked_tags == ({guardrail.tag} if guardrail.tag else set())


@pytest.mark.parametrize("key", ["team", "pump-commitments-2", "my-pump-commitments"])
def test_own_guardrail_that_depends_on_a_tag_is_not_opened_with_it(key: str) -> None:
    condition = {"StringNotEquals": {f"aws:PrincipalTag/{key}": "x"}}
    policies = auto_pilot(own(Condition=condition))
    assert policies["PumpGuardrailMine"]["Statement"] == [
        {"Effect": "Deny", "Action": ["ec2:Describe*"], "Resource": "*", "Condition": condition}
    ]
    assert opening_tags(asked_tags(json.dumps(policies))) == set()


def test_guardrails_that_the_customer_opens_deny_what_no_commitments_denies() -> None:
    opened = [guardrail for guardrail in SINGLE if guardrail.tag]
    assert [(found.name, found.tag, opening_value(found)) for found in opened] == [
        ("only-when-approved", "pump-commitments", "approved"),
    ]
    (document,) = documents_on(Guardrail.NO_COMMITMENTS, AUTO_PILOT.patterns).values()
    (outright,) = document["Statement"]
    for guardrail in opened:
        assert guardrail.reasons == Guardrail.NO_COMMITMENTS.reasons
        for found in documents_on(guardrail, AUTO_PILOT.patterns).values():
            for statement in found["Statement"]:
                assert statement.pop("Condition")
                assert statement == outright


def test_needed_only_allows_only_kept_actions_that_the_role_has() -> None:
    statement = {"NotAction": {"a:B": NEED, "a:C": NEED}, "Resource": "*"}
    keeping = customers(statement)

    def denied(*patterns: str) -> Any:
        return [document["Statement"] for document in documents_on(keeping, patterns).values()]

    assert denied("A:*", "d:E") == [[{"Effect": "Deny", "NotAction": ["a:B", "a:C"], **ANYWHERE}]]
    assert denied("a:b", "d:E") == [[{"Effect": "Deny", "NotAction": ["a:B"], **ANYWHERE}]]
    # A wildcard is never only what is kept, since AWS adds actions.
    assert denied("a:B*") == [[{"Effect": "Deny", "NotAction": ["a:B"], **ANYWHERE}]]
    assert denied("d:E") == [[{"Effect": "Deny", "Action": ["*"], **ANYWHERE}]]
    assert denied("a:b", "A:C") == []


def test_no_support_writes_covers_every_write_of_the_support_api() -> None:
    """Also those that the action catalog lacks."""
    operations = get_session().get_service_model("support").operation_names
    reads = ("Describe", "List", "Search", "GetAttachmentDownloadLink")
    writes = {name for name in operations if not name.startswith(reads)}
    assert {"CreateCase", "CompleteAttachmentUpload", "GetAttachmentUploadLinks"} <= writes
    patterns = Guardrail.NO_SUPPORT_WRITES.reasons
    denied = {
        name
        for name in operations
        if any(fnmatchcase(f"support:{name}", pattern) for pattern in patterns)
    }
    assert denied == writes


PATTERNS = st.builds(
    "a:{}{}".format, st.text("ABab", min_size=1, max_size=4), st.sampled_from(["", "*"])
)


@given(PATTERNS, PATTERNS)
def test_denies_a_pattern_exactly_if_the_role_has_an_action_of_it(one: str, other: str) -> None:
    def matches(pattern: str, text: str) -> bool:
        return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern

    # IAM matches in any case. The longer beginning is an action that both match, if any is.
    denied, allowed = one.lower(), other.lower()
    in_common = any(
        matches(denied, text) and matches(allowed, text)
        for text in (denied.rstrip("*"), allowed.rstrip("*"))
    )
    assert bool(documents_on(own(one), [other])) == in_common


def as_policy(name: str, document: Any) -> Policy:
    """A document of a template as a role's policy with a name."""
    (policy,) = as_policies({own(): document})
    return replace(policy, name=name)


def reversed_texts(part: Any) -> Any:
    """Return a list of texts reversed, and anything else as it is."""
    is_texts = isinstance(part, list) and all(isinstance(element, str) for element in part)
    return part[::-1] if is_texts else part


@pytest.mark.parametrize("kind", ROLES)
@pytest.mark.parametrize("guardrail", SINGLE, ids=lambda guardrail: guardrail.name)
def test_policy_of_a_shipped_guardrail_is_recognized_in_any_order(
    guardrail: Guardrail, kind: str
) -> None:
    patterns = ROLES[kind].patterns
    for document in documents_on(guardrail, patterns).values():
        for written in (document, mapped(document, reversed_texts)):
            assert guardrail_of(kind, as_policy(guardrail.policy_name, written)) == guardrail
        # Only the name says which guardrail it is, and a customer's own has no conditions.
        other = guardrail_of(kind, as_policy("PumpGuardrailMine", document))
        assert other is None or (other.name, other.costs) == ("mine", NO_HOSTS.costs)


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Allow"},
        {"Resource": "arn:aws:ec2:*:*:*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Action": ["ec2:PurchaseHost*", {"Ref": "Another"}]},
        {"Action": []},
    ],
)
def test_only_a_policy_that_denies_outright_is_an_own_guardrail(change: dict[str, Any]) -> None:
    document = auto_pilot(NO_HOSTS)[NO_HOSTS.policy_name]
    found = guardrail_of(AUTO_PILOT.kind, as_policy(NO_HOSTS.policy_name, document))
    assert found is not None
    assert (found.name, found.removes) == ("no-hosts2", "ec2:PurchaseHost*.")
    (statement,) = document["Statement"]
    changed = {**document, "Statement": [{**statement, **change}]}
    for name, other in (
        (NO_HOSTS.policy_name, changed),
        ("MyNoHosts2", document),
        (NO_HOSTS.policy_name, {"Statement": []}),
    ):
        assert guardrail_of(AUTO_PILOT.kind, as_policy(name, other)) is None


@pytest.mark.parametrize("guardrail", SINGLE, ids=lambda guardrail: guardrail.name)
def test_policy_that_differs_from_its_guardrail_is_not_recognized(guardrail: Guardrail) -> None:
    (document,) = documents_on(guardrail, AUTO_PILOT.patterns).values()
    first, *others = document["Statement"]
    (name,) = first.keys() & {"Action", "NotAction"}
    secure = {"Bool": {"aws:SecureTransport": "true"}}
    for changed in (
        [{**first, name: first[name][1:]}, *others],
        [{**first, "Effect": "Allow"}, *others],
        [{**first, "Condition": {**first.get("Condition", {}), **secure}}, *others],
        [first, *others, {"Effect": "Allow", "Action": "*", "Resource": "*"}],
    ):
        policy = as_policy(guardrail.policy_name, {**document, "Statement": changed})
        assert guardrail_of(AUTO_PILOT.kind, policy) is None


@pytest.mark.parametrize(
    ("name", "operator", "key", "value"),
    [
        ("only-in-regions", "StringNotEquals", "aws:RequestedRegion", ["us-eastt-1"]),
        ("only-in-regions", "StringNotEquals", "aws:RequestedRegion", []),
        ("only-in-regions", "StringNotEquals", "aws:RequestedRegion", {"Ref": "Regions"}),
        ("only-in-regions", "StringNotLike", "aws:RequestedRegion", ["us-east-1"]),
        ("until", "DateGreaterThanEquals", "aws:CurrentTime", "later"),
        ("until", "DateGreaterThanEquals", "aws:CurrentTime", {"Ref": "Moment"}),
        ("until", "DateGreaterThanEquals", "aws:CurrentTime", None),
        ("until", "DateGreaterThanEquals", "aws:CurrentTime", "2027-01-31T18:00:00+01:00"),
        ("until", "DateGreaterThanEquals", "aws:EpochTime", "2027-01-31T18:00:00Z"),
        ("until", "DateLessThan", "aws:CurrentTime", "2027-01-31T18:00:00Z"),
    ],
)
def test_policy_whose_value_the_guardrail_would_reject_is_not_recognized(
    name: str, operator: str, key: str, value: Any
) -> None:
    guardrail = FILLED[name]
    (document,) = documents_on(guardrail, AUTO_PILOT.patterns).values()
    changed = json.loads(json.dumps(document))
    changed["Statement"][0]["Condition"] = {operator: {key: value}}
    assert guardrail_of(AUTO_PILOT.kind, as_policy(guardrail.policy_name, changed)) is None
