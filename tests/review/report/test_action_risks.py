"""Which actions return data: listed independently of the guardrail, and checked with botocore."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Final

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from pump_roles import Guardrail
from pump_roles.guardrails import with_statements
from pump_roles.iam.catalog import Action, shipped
from pump_roles.published import RESOURCE_REASONS, ROLES
from pump_roles.review.report import Report
from pump_roles.review.report.action_risks import _reasons, mark
from tests.decisions.test_guardrails import FACTS, UNDOCUMENTED

JUDGEMENT = json.loads(
    resources.files("pump_roles.review.report").joinpath("data.json").read_bytes()
)
DENIED: Final[list[str]] = JUDGEMENT["denied"]
LEFT: Final[dict[str, dict[str, str]]] = JUDGEMENT["left"]
GRANTED = shipped().matching(
    dict.fromkeys(pattern for role in ROLES.values() for pattern in role.patterns)
)
READS = [action for action in GRANTED if action.only_reads]
GENERIC = "Returns data, not only metadata."
RETURNED: Final[dict[str, str]] = FACTS["left"]
"""Where a response has the data that metadata-only leaves, by action; empty without a model."""


def names(patterns: Iterable[str]) -> set[str]:
    return {action.name for action in shipped().matching([*patterns])} & {
        action.name for action in GRANTED
    }


def test_guardrail_denies_exactly_the_actions_listed_as_denied() -> None:
    assert list(Guardrail.METADATA_ONLY.reasons) == DENIED
    assert len(set(DENIED)) == len(DENIED)


def test_guardrail_denies_none_of_the_actions_listed_as_left() -> None:
    assert not names(DENIED) & names(LEFT)
    for said in LEFT.values():
        assert said.keys() == {"returns", "stays"}
        assert re.fullmatch(r"Returns .+\.", said["returns"])
        assert re.fullmatch(r"[A-Z].+\.", said["stays"])


def test_every_pattern_matches_a_read_that_the_roles_have() -> None:
    reads = {action.name for action in READS}
    for pattern in (*DENIED, *LEFT):
        assert names([pattern]), pattern
        assert names([pattern]) <= reads, pattern


def test_exactly_the_listed_actions_have_a_reason() -> None:
    marked = {action.name: mark("data", action.name) for action in GRANTED}
    assert {name for name, sentence in marked.items() if sentence} == names([*DENIED, *LEFT])
    assert GENERIC not in marked.values()
    assert marked["ec2:DescribeKeyPairs"] == Guardrail.METADATA_ONLY.reasons["ec2:DescribeKeyPairs"]
    assert marked["cloudwatch:GetMetricData"] == LEFT["cloudwatch:GetMetricData"]["returns"]
    assert mark("data", "ORGANIZATIONS:listaccountsforparent")
    assert not mark("data", "ec2:DescribeInstances")


def test_what_is_no_longer_denied_still_returns_data(monkeypatch: pytest.MonkeyPatch) -> None:
    denies_nothing = with_statements([], name="metadata-only")
    monkeypatch.setattr(Guardrail, "METADATA_ONLY", denies_nothing)
    reasons = _reasons.__wrapped__()["data"]
    assert {reasons[pattern.lower()] for pattern in DENIED} == {GENERIC}
    assert reasons.keys() == {pattern.lower() for pattern in (*DENIED, *LEFT)}


@pytest.mark.parametrize(
    ("guardrail", "listed"), [("metadata-only", {*LEFT}), ("no-selling", {*DENIED, *LEFT})]
)
def test_the_report_lists_all_that_returns_data(
    guardrail: str, listed: set[str], report_with: Callable[[str], Report]
) -> None:
    effective = [action for action in report_with(guardrail).actions if action.effective]
    assert {action.name for action in effective if action.risk == "data"} == names(listed)


MODELS: Final = {
    "es": ["es", "opensearch"],
    "servicequotas": ["service-quotas"],
    "tag": ["resourcegroupstaggingapi"],
}
"""The botocore models of the services whose IAM prefix has another name."""

TELLING: Final = re.compile(
    r"activationcode|body|command|content|\w*email\w*|entrypoint|environment|hookdetails"
    r"|notificationmetadata|privatednsnameconfiguration|query|querystring|secret|statereasondata"
    r"|uefidata|userdata|\w*content|\w*password|\w*publickey",
    re.IGNORECASE,
)
"""Names of fields that hold data even where AWS does not mark them as sensitive."""

NO_DATA: Final = {
    ("rds", "MasterUserPassword"): "AWS documents that RDS never returns the password.",
    ("organizations", "Content"): "The text of a policy says what is allowed. It is no data.",
    ("organizations", "PolicyContent"): "The text of a policy says what is allowed. It is no data.",
    ("es", "MetadataContent"): (
        "What an identity provider publishes about itself: addresses and certificates."
    ),
    ("es", "PublicKey"): "The key for the signatures of an identity provider, which it publishes.",
}
"""The fields that are sensitive or have such a name, and hold no data, with why."""


@cache
def operations(service: str) -> Mapping[str, OperationModel]:
    session, found = botocore.session.get_session(), {}
    for name in reversed(MODELS.get(service, [service])):
        try:
            model = session.get_service_model(name)
        except UnknownServiceError:
            continue
        for operation in model.operation_names:
            found[f"{service}:{operation}".lower()] = model.operation_model(operation)
    return found


def fields(shape: Shape | None, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Shape]]:
    """The members of a shape, and of the shapes in it."""
    if shape is None or shape.name in above:
        return
    above = (*above, shape.name)
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield name, member
            yield from fields(member, above)
    elif isinstance(shape, ListShape):
        yield from fields(shape.member, above)
    elif isinstance(shape, MapShape):
        yield from fields(shape.value, above)


def risky(shape: Shape | None) -> Iterator[str]:
    """The members of a shape that are sensitive by their mark or their name."""
    for name, member in fields(shape):
        holds_text = member.type_name not in {"boolean", "integer", "long", "timestamp"}
        telling = TELLING.fullmatch(name) and holds_text and not member.metadata.get("enum")
        if telling or sensitive(member):
            yield name


def sensitive(shape: Shape) -> bool:
    if isinstance(shape, ListShape):
        return shape.metadata.get("sensitive", False) or sensitive(shape.member)
    if isinstance(shape, MapShape):
        inner = (shape, shape.key, shape.value)
        return any(part.metadata.get("sensitive", False) for part in inner)
    return bool(shape.metadata.get("sensitive", False))


def risky_fields(action: Action) -> set[tuple[str, str]]:
    operation = operations(action.service).get(action.name.lower())
    output = operation.output_shape if operation else None
    return {(action.service, field) for field in risky(output)}


def test_botocore_has_the_operations_of_nearly_all_reads() -> None:
    """Otherwise, the next test would prove little."""
    missing = [action for action in READS if action.name.lower() not in operations(action.service)]
    assert len(missing) < len(READS) / 8


def test_what_metadata_only_leaves_returns_what_the_api_references_say() -> None:
    """The list in the tests is from the responses, not from the report's data."""
    assert names(LEFT) == RETURNED.keys()
    for name, path in RETURNED.items():
        model = operations(name.partition(":")[0]).get(name.lower())
        assert (model is None) == (path == ""), name
        shape: Shape | None = model.output_shape if model else None
        for member in path.split(".") if path else []:
            assert isinstance(shape, StructureShape), name
            shape = shape.members[member.removesuffix("[]")]
            if member.endswith("[]"):
                assert isinstance(shape, ListShape), name
                shape = shape.member


def test_what_a_read_returns_is_unknown_exactly_if_cloudwatch_has_no_such_operation() -> None:
    said = {action.name for action in READS if "not known" in mark("data", action.name)}
    assert said == UNDOCUMENTED
    assert len(said) > 40


def test_every_read_with_a_sensitive_field_is_listed_as_returning_data() -> None:
    fields = {action.name: risky_fields(action) for action in READS}
    not_judged = {
        name: found - NO_DATA.keys() for name, found in fields.items() if not mark("data", name)
    }
    assert {name: found for name, found in not_judged.items() if found} == {}
    # The positive controls: a field marked as sensitive, and one recognized only by its name.
    assert ("ec2", "PreSharedKey") in fields["ec2:DescribeVpnConnections"]
    assert ("organizations", "Email") in fields["organizations:ListAccounts"]
    assert ("ecs", "environment") in fields["ecs:DescribeTasks"]
    assert ("ecs", "hookDetails") in fields["ecs:DescribeServices"]
    assert ("budgets", "Address") in fields["budgets:DescribeBudgetActionsForAccount"]
    assert ("eks", "activationCode") in fields["eks:DescribeCluster"]
    assert ("ec2", "PublicKey") in fields["ec2:DescribeKeyPairs"]


def test_every_exception_is_needed() -> None:
    not_marked = [risky_fields(action) for action in READS if not mark("data", action.name)]
    assert set().union(*not_marked) >= NO_DATA.keys()


SPENDS: Final = {
    # Amazon EC2 API Reference, under the same names
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:PurchaseHostReservation",
    "ec2:AcceptReservedInstancesExchangeQuote",
    # Savings Plans API Reference
    "savingsplans:CreateSavingsPlan",
    # the API references of the databases and of OpenSearch Service
    "rds:PurchaseReservedDBInstancesOffering",
    "elasticache:PurchaseReservedCacheNodesOffering",
    "redshift:PurchaseReservedNodeOffering",
    "es:PurchaseReservedInstanceOffering",
}
"""What the roles can spend money with, from AWS's API references."""


def test_exactly_the_purchases_and_the_exchange_of_ec2_spend_money() -> None:
    assert {action.name for action in GRANTED if mark("spends", action.name)} == SPENDS


def test_reason_for_every_resource_names_the_purchases_that_iam_could_limit() -> None:
    """By the Service Authorization Reference, as in the catalog."""
    purchases = [action for action in GRANTED if action.name in SPENDS]
    named = re.findall(r"[a-z0-9]+:\w+", RESOURCE_REASONS["*"])
    assert sorted(named) == sorted(action.name for action in purchases if action.resources)
    conditions = {key for action in purchases for key in action.conditions}
    assert "ec2:Region" in conditions
    assert not [key for key in conditions if re.search("price|cost|term|amount|spend", key.lower())]
