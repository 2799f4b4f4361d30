"""Who may assume the roles in the synthesized templates, according to a policy simulator."""

import json
from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from pump_roles.iam.trust import parse_trust
from tests.support import ROLLED_OUT, STACKS, Synth, some, stack_set
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, IMPLICITLY_DENIED, Role, assumption, decide

PUMP = "999988887777"
PUMP_ROLE = f"arn:aws:iam::{PUMP}:role/service/PumpService"

CALLERS = {
    "Pump's role": PUMP_ROLE,
    "another role of Pump's account": f"arn:aws:iam::{PUMP}:role/Intern",
    "Pump's role of the same name elsewhere": f"arn:aws:iam::{PUMP}:role/PumpService",
    "a third account": "arn:aws:iam::111122223333:role/service/PumpService",
    "the customer's own account": f"arn:aws:iam::{ACCOUNT_ID}:role/Admin",
}
EXTERNAL_IDS = {
    "right": "Example-1234",
    "next": "Next-5678",
    "retired": "Retired-0000",
    "wrong": "Wrong-9999",
    "wrong case": "example-1234",
    "longer": "Example-1234 ",
    "a wildcard": "*",
    "empty": "",
    "missing": None,
}
WHO_IS_TRUSTED = {
    PUMP_ROLE: {"Pump's role"},
    PUMP: {
        "Pump's role",
        "another role of Pump's account",
        "Pump's role of the same name elsewhere",
    },
    f"arn:aws:iam::{PUMP}:root": {
        "Pump's role",
        "another role of Pump's account",
        "Pump's role of the same name elsewhere",
    },
}


@pytest.mark.parametrize("rotating", [False, True])
@pytest.mark.parametrize(
    ("principal", "how"),
    [
        *((principal, "given") for principal in WHO_IS_TRUSTED),
        (PUMP_ROLE, "as parameters"),
        (PUMP_ROLE, "by a rollout"),
    ],
)
def test_only_pump_may_assume_a_role_and_only_with_an_accepted_external_id(
    principal: str, how: str, synth: Synth, *, rotating: bool
) -> None:
    accepted = {"right", "next"} if rotating else {"right"}
    settings: dict[str, Any] = {"auto-pilot": {}}
    settings |= {"next-external-id": EXTERNAL_IDS["next"]} if rotating else {}
    parameters = {}
    if how != "as parameters":
        settings |= {"principal": principal, "external-id": EXTERNAL_IDS["right"]}
    else:
        parameters = {"PumpIamRole": principal, "PumpExternalID": str(EXTERNAL_IDS["right"])}
    templates = synth(settings)
    if how == "by a rollout":
        rollouts = [
            stack_set(template)
            for name, template in synth(settings | ROLLED_OUT).items()
            if name.endswith("Rollout")
        ]
        # The parameters are the same for each.
        parameters = {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in rollouts[0]["Parameters"]
        }
        templates = {
            rollout["StackSetName"]: json.loads(rollout["TemplateBody"]) for rollout in rollouts
        }
    cells = list(product(templates.values(), CALLERS, EXTERNAL_IDS))
    decisions = decide(
        [
            assumption(
                Role.of_template(template, parameters),
                caller=CALLERS[caller],
                external_id=EXTERNAL_IDS[external_id],
            )
            for template, caller, external_id in cells
        ]
    )
    for (template, caller, external_id), decision in zip(cells, decisions, strict=True):
        intended = caller in WHO_IS_TRUSTED[principal] and external_id in accepted
        assert decision == (ALLOWED if intended else IMPLICITLY_DENIED), (
            template["Description"],
            caller,
            external_id,
        )
    assert decisions.count(ALLOWED) == len(STACKS) * len(WHO_IS_TRUSTED[principal]) * len(accepted)


@pytest.mark.parametrize("principal", ["arn:aws-cn:iam::999988887777:root", PUMP_ROLE])
def test_principal_arn_is_unchanged_in_every_partition(principal: str, synth: Synth) -> None:
    # The simulator ignores an account principal's partition, so this compares the text.
    for template in synth({"principal": principal, "external-id": "ab", "auto-pilot": {}}).values():
        (statement,) = Role.of_template(template).trust["Statement"]
        assert statement["Principal"] == {"AWS": principal}


RIGHT = EXTERNAL_IDS["right"]


def allow(who: str, actions: Any, condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": actions}
    return {**found, "Condition": condition}


def on_id(operator: str, *values: Any) -> dict[str, Any]:
    return {operator: {"sts:ExternalId": [*values]}}


ALLOWS = [
    allow("111122223333", "sts:*", {}),
    allow(PUMP, "sts:TagSession", {}),
    *(
        allow(PUMP, actions, condition)
        for actions in ("sts:AssumeRole", ["sts:TagSession", "sts:assume*"])
        for condition in (
            {},
            on_id("StringEquals", RIGHT),
            on_id("StringEquals", RIGHT, "*"),
            on_id("StringEqualsIfExists", RIGHT),
            on_id("StringLike", RIGHT),
            on_id("StringLike", "*"),
            on_id("ForAllValues:StringEquals", RIGHT),
            on_id("ForAnyValue:StringEquals", RIGHT),
            on_id("Null", "false"),
            on_id("StringEqualsIgnoreCase", RIGHT),
        )
    ),
]
DENIES: list[list[Any]] = [
    [],
    [{**allow("*", "sts:AssumeRole", on_id("StringNotEquals", RIGHT)), "Effect": "Deny"}],
    *(
        [{**allow(principal, actions, on_id(operator, value)), "Effect": "Deny"}]
        for principal, actions, operator, value in (
            ("*", "sts:*", "Null", "true"),
            # These deny nobody who has no external ID.
            ("*", "sts:TagSession", "StringNotEquals", RIGHT),
            ("111122223333", "sts:AssumeRole", "StringNotEquals", RIGHT),
            ("*", "sts:AssumeRole", "Null", "false"),
        )
    ),
]


def test_what_a_trust_policy_is_said_to_require_is_what_decides() -> None:
    pairs = combinations_with_replacement(ALLOWS, 2)
    # Not a divisor of the number of denies, so that each is tried.
    statements = [[*pair, *denies] for pair, denies in some(product(pairs, DENIES), 5)]
    trusts = [{"Version": "2012-10-17", "Statement": found} for found in statements]
    cells = list(product(trusts, ("right", "wrong case", "missing")))
    decisions = decide(
        [
            assumption(Role("R", trust, {}), caller=PUMP_ROLE, external_id=EXTERNAL_IDS[name])
            for trust, name in cells
        ]
    )
    accepted: dict[str, set[str]] = {}
    for (trust, name), decision in zip(cells, decisions, strict=True):
        accepted.setdefault(json.dumps(trust), set()).update([name] if decision == ALLOWED else [])
    seen = set()
    for text, names in accepted.items():
        found = parse_trust(json.loads(text))
        trusted = {principal.value.text for principal in found.principals}
        seen.add(found.id_required)
        if PUMP not in trusted:
            assert names == set(), text
        elif trusted == {PUMP}:
            # A deny can leave nobody, which is not said.
            possible = {
                "exactly": names <= {"right"},
                "not-exactly": "missing" not in names,
                "not-always": "missing" in names,
                "no": "missing" in names,
                # A deny by the external ID is not read further, nor what cannot be one.
                "unknown": '"Deny"' in text or '"*"]' in text,
            }
            assert possible[found.id_required], (text, found.id_required, names)
    assert seen == {"exactly", "not-exactly", "not-always", "unknown", "no"}
