"""Each kind of something has a text, and there is no text that nothing says."""

# ruff: noqa: SLF001

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_type_hints

import pytest

from pump_roles.compare.difference import Rule
from pump_roles.iam.trust import PrincipalKind, TrustProblem
from pump_roles.review.account.activity_result import ActivityWhy
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.review.account.probe import AttemptReason, Verdict
from pump_roles.review.output import (
    activity_sections,
    probe_sections,
    report_actions,
    report_checks,
    report_descriptions,
)
from pump_roles.review.output.descriptions import _TEXTS, RISKS_IN_WORDS, describe_remedy
from pump_roles.review.report import FINDINGS, RISKS, AnswerKind
from pump_roles.role import unknowns
from pump_roles.role.access import AccessWhy
from pump_roles.role.unknowns import AssemblyUnknown, OrganizationUnknown, RoleUnknown, Unknown

RULES = get_args(Rule)
UNKNOWN = (RoleUnknown, AssemblyUnknown, OrganizationUnknown, AccountUnknown)
WHYS, PARTS = (
    {kind for type_ in UNKNOWN for kind in get_args(get_type_hints(type_)[member])}
    for member in ("why", "part")
)
PROBLEMS = get_args(TrustProblem.__annotations__["why"])


@pytest.mark.parametrize(
    ("texts", "kinds", "elsewhere"),
    [
        (_TEXTS["unknown"], WHYS, {"open"}),
        (_TEXTS["parts"], PARTS, set()),
        (_TEXTS["rules"], RULES, set()),
        (
            {rule: texts for rule, texts in _TEXTS["rules"].items() if "text" in texts},
            RULES,
            {"boundary-stops", "external-id", "trust-policy", "other-access"},
        ),
        (_TEXTS["trust"], PROBLEMS, set()),
        (report_checks._TODO, FINDINGS, set()),
        (report_descriptions.SEVERITIES, (*RISKS, ""), set()),
        (report_descriptions.SYMBOLS, (*RISKS, ""), set()),
        (report_descriptions.ANSWERS, get_args(AnswerKind), set()),
        (report_descriptions._WHO, get_args(PrincipalKind), set()),
        (report_actions._KINDS, RISKS, set()),
        (RISKS_IN_WORDS, RISKS, set()),
        (activity_sections._UNKNOWN, get_args(ActivityWhy), set()),
        (probe_sections._VERDICTS, get_args(Verdict), set()),
        (probe_sections._POLICIES, get_args(AttemptReason), {"", "no-credentials", "failed"}),
    ],
)
def test_each_kind_has_a_text(
    texts: Mapping[str, Any], kinds: Iterable[str], elsewhere: set[str]
) -> None:
    assert texts.keys() ^ {*kinds} == elsewhere


def test_every_type_of_what_is_not_known_is_closed() -> None:
    assert {*Unknown.__subclasses__()} == {*UNKNOWN}
    assert all(name.__name__ in (unknowns.__doc__ or "") for name in UNKNOWN)


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("named_parts", PARTS),
        ("unknown_with_detail", WHYS),
        ("unknown_of_part", PARTS),
        ("access", get_args(AccessWhy)),
    ],
)
def test_each_text_is_about_a_kind(section: str, kinds: Iterable[str]) -> None:
    assert _TEXTS[section].keys() <= {*kinds}


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_its_words_and_its_remedy_in_one_place(rule: Rule) -> None:
    assert {"remedy"} <= _TEXTS["rules"][rule].keys() <= {"text", "since", "remedy"}
    assert "{" not in describe_remedy(rule)


def test_each_phrase_is_in_a_remedy() -> None:
    remedies = " ".join(texts["remedy"] for texts in _TEXTS["rules"].values())
    assert {*re.findall(r"{(\w+)}", remedies)} == _TEXTS["phrases"].keys()
