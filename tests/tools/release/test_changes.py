"""The comparison of permission manifests: growth is an expansion, and no difference is missed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.release.manifests import build
from tools.release.changes import (
    AWS,
    CHANGED,
    GAINED,
    LOST,
    PUMP,
    RECLASSIFIED,
    REWORDED,
    Change,
    changes,
    sizes,
)
from tools.release.consistency import inconsistencies
from tools.release.manifest import manifest

Manifest = dict[str, Any]

ACTIONS = ["a:GetX", "a:GetXy", "a:GetY", "a:PutX", "b:GetX"]
TOMORROW = [*ACTIONS, "a:GetNew", "a:PutNew", "a:Delete", "b:Put"]
PATTERNS = ["a:*", "a:Get*", "a:get*", "a:GetX", "a:GETX", "a:G?tX", "a:Put*", "a:None", "b:*"]
RESOURCES = ["*", "arn:aws:a:::*", "arn:aws:a:::one", "arn:aws:a:::t*", "arn:aws:a:::o?e"]
ON = ["arn:aws:a:::one", "arn:aws:a:::two", "arn:aws:a:::oe", "arn:aws:b:::one"]

GRANTS = st.lists(
    st.tuples(st.sampled_from(PATTERNS), st.sampled_from(RESOURCES)), max_size=4, unique=True
)
ROLES = st.dictionaries(
    st.sampled_from(["one", "two"]),
    st.dictionaries(st.sampled_from(["P", "Q"]), GRANTS, max_size=2),
    min_size=1,
    max_size=2,
)
CATALOG = st.lists(st.sampled_from(TOMORROW), unique=True)
MANIFESTS = st.builds(build, ROLES, CATALOG)


def single(*grants: tuple[str, str], actions: list[str] = ACTIONS) -> Manifest:
    return build({"one": {"P": grants}}, actions)


def allowed(content: Manifest) -> set[tuple[str, str, str]]:
    """Decide without the project's code what roles may do, now and with new actions."""
    return {
        (role["kind"], name, resource)
        for role in content["roles"]
        for grant in role["patterns"]
        for name in TOMORROW
        for resource in ON
        if fnmatchcase(name.lower(), grant["pattern"].lower())
        and fnmatchcase(resource, grant["resource"])
    }


def concrete(content: Manifest) -> set[tuple[str, str]]:
    return {
        (by["role"], action["name"]) for action in content["actions"] for by in action["granted_by"]
    }


@given(MANIFESTS)
def test_generated_manifests_are_consistent(content: Manifest) -> None:
    assert inconsistencies(content) == []


@given(MANIFESTS)
def test_same_manifest_has_no_changes(content: Manifest) -> None:
    assert changes(content, deepcopy(content)) == []


@given(MANIFESTS, MANIFESTS)
def test_role_that_may_do_more_has_an_expansion(before: Manifest, after: Manifest) -> None:
    expanding = {change.role for change in changes(before, after) if change.expansion}
    assert {kind for kind, *_ in allowed(after) - allowed(before)} <= expanding
    assert {kind for kind, _ in concrete(after) - concrete(before)} <= expanding


@given(MANIFESTS, MANIFESTS)
def test_role_that_may_do_less_has_a_loss(before: Manifest, after: Manifest) -> None:
    losing = {change.role for change in changes(before, after) if change.effect == LOST}
    assert {kind for kind, *_ in allowed(before) - allowed(after)} <= losing
    assert {kind for kind, _ in concrete(before) - concrete(after)} <= losing


@given(ROLES, CATALOG, CATALOG)
def test_new_catalog_changes_only_what_is_aws(
    roles: Any, before: list[str], after: list[str]
) -> None:
    found = changes(build(roles, before), build(roles, after))
    assert {change.whose for change in found} <= {AWS}
    assert len([change for change in found if change.expansion]) == len(
        concrete(build(roles, after)) - concrete(build(roles, before))
    )


@given(ROLES, ROLES, CATALOG)
def test_same_catalog_changes_nothing_that_is_aws(before: Any, after: Any, now: list[str]) -> None:
    found = changes(build(before, now), build(after, now))
    assert {change.whose for change in found} <= {PUMP}


@given(MANIFESTS, MANIFESTS)
def test_reverse_comparison_has_the_opposite_changes(before: Manifest, after: Manifest) -> None:
    def effects(found: list[Change], opposite: dict[str, str]) -> Counter[tuple[str, ...]]:
        return Counter(
            (change.whose, change.role, opposite.get(change.effect, change.effect))
            for change in found
        )

    there, back = changes(before, after), changes(after, before)
    assert effects(there, {}) == effects(back, {GAINED: LOST, LOST: GAINED})


@given(MANIFESTS, st.data())
def test_permission_that_is_added_is_an_expansion(content: Manifest, data: st.DataObject) -> None:
    grants = {
        role["kind"]: {
            policy["name"]: [
                (grant["pattern"], grant["resource"])
                for grant in role["patterns"]
                if grant["policy"] == policy["name"]
            ]
            for policy in role["policies"]
        }
        for role in content["roles"]
    }
    kind = data.draw(st.sampled_from(sorted(grants)))
    pattern = data.draw(st.sampled_from(["c:*", "c:New", "a:*", "a:*x"]))
    names = [action["name"] for action in content["actions"]]
    before = build(grants, names)
    grants[kind].setdefault("New", []).append((pattern, "arn:aws:c:::other"))
    after = build(grants, names)
    found = [change for change in changes(before, after) if change.expansion]
    known = {(known_pattern.lower(), on) for known_pattern, on in before_grants(before, kind)}
    if not any(fnmatchcase(pattern, known_pattern) and on == "*" for known_pattern, on in known):
        assert [(change.whose, change.role, change.effect) for change in found] == [
            (PUMP, kind, GAINED)
        ]
    else:
        assert found == []


def before_grants(content: Manifest, kind: str) -> Iterator[tuple[str, str]]:
    for role in content["roles"]:
        if role["kind"] == kind:
            yield from ((grant["pattern"], grant["resource"]) for grant in role["patterns"])


@given(MANIFESTS, MANIFESTS)
def test_expansions_come_first_and_the_order_is_stable(before: Manifest, after: Manifest) -> None:
    found = changes(before, after)
    order = [(not change.expansion, change.whose == AWS) for change in found]
    assert order == sorted(order)
    assert found == changes(deepcopy(before), deepcopy(after))
    assert len(set(found)) == len(found)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in items:
            yield from leaves(member, (*path, key))
    else:
        yield path


NOT_COMPARED = re.compile(r"version|catalog\.\w+|roles\.\d\.template\.\w+")
LEAVES = build({"one": {"P": [("a:Get*", "*")]}, "two": {"Q": [("a:Put*", "*")]}}, ACTIONS)


COMPARED = [path for path in leaves(LEAVES) if not NOT_COMPARED.fullmatch(".".join(map(str, path)))]


@pytest.mark.parametrize("path", COMPARED, ids=lambda path: ".".join(map(str, path)))
def test_no_difference_is_missed(path: tuple[str | int, ...]) -> None:
    content = deepcopy(LEAVES)
    inner: Any = content
    for step in path[:-1]:
        inner = inner[step]
    old = inner[path[-1]]
    others = {str: f"{old}x", int: 7200, bool: True}
    inner[path[-1]] = others.get(type(old), "x")
    assert changes(LEAVES, content)
    assert changes(content, LEAVES)


def test_version_catalog_and_templates_are_not_compared() -> None:
    content = deepcopy(LEAVES)
    content |= {"version": "0.2.0", "catalog": {"source": "catalog 2", "date": "2026-02-02"}}
    for role in content["roles"]:
        role["template"] = {"file": "other.template.json", "sha256": "1" * 64}
    assert changes(LEAVES, content) == []


def only(before: Manifest, after: Manifest) -> Change:
    (change,) = changes(before, after)
    return change


def test_pattern_in_another_case_or_policy_is_not_an_expansion() -> None:
    other_case = only(single(("a:getx", "*")), single(("a:GetX", "*")))
    assert (other_case.effect, other_case.expansion) == (CHANGED, False)
    assert other_case.sentence == (
        "one has `a:GetX` on `*` in `P` instead of `a:getx` on `*` in `P`."
    )
    moved = build({"one": {"Q": [("a:GetX", "*")]}}, ACTIONS)
    found = changes(single(("a:GetX", "*")), moved)
    assert {change.effect for change in found} == {CHANGED}
    assert not any(change.expansion for change in found)


def test_action_that_aws_spells_in_another_case_is_not_an_expansion() -> None:
    before, after = single(("a:*", "*")), single(("a:*", "*"), actions=["a:GETX", *ACTIONS[1:]])
    change = only(before, after)
    assert (change.effect, change.expansion) == (REWORDED, False)
    assert change.sentence == "1 text reworded."
    after["actions"][0]["access_levels"] = ["Write"]
    assert "`a:GETX` is Write instead of Read." in {
        change.sentence for change in changes(before, after)
    }


def test_order_of_patterns_does_not_matter() -> None:
    grants = [("a:GetX", "*"), ("a:PutX", "*")]
    assert changes(single(*grants), single(*reversed(grants))) == []


def test_pattern_that_is_new_is_an_expansion_with_its_actions() -> None:
    change = only(single(("a:GetX", "*")), single(("a:GetX", "*"), ("a:Put*", "*")))
    assert change.expansion
    assert change.sentence == (
        "one gains `a:Put*` on `*` in `P`, and with it 1 action: `a:PutX` (Read)."
    )


def test_pattern_that_matches_nothing_yet_is_an_expansion() -> None:
    change = only(single(), single(("c:Get*", "*")))
    assert change.expansion
    assert change.sentence == "one gains `c:Get*` on `*` in `P`, which matches no action yet."


def test_wildcard_for_the_same_actions_is_an_expansion() -> None:
    found = changes(single(("a:PutX", "*")), single(("a:Put*", "*")))
    assert [(change.effect, change.expansion) for change in found] == [
        (GAINED, True),
        (LOST, False),
    ]
    assert found[0].sentence == "one gains `a:Put*` on `*` in `P`, whose actions it already had."


def test_narrower_pattern_instead_of_a_wider_one_is_not_an_expansion() -> None:
    found = changes(single(("a:*", "*")), single(("a:Get*", "*")))
    assert [(change.effect, change.expansion) for change in found] == [
        (GAINED, False),
        (LOST, False),
    ]
    assert found[0].sentence == "one gains `a:Get*` on `*` in `P`, which another pattern covered."
    assert found[1].sentence == (
        "one loses `a:*` on `*` in `P`, and with it 1 action: `a:PutX` (Read)."
    )


def test_action_under_a_narrower_pattern_is_still_aws() -> None:
    before = single(("a:*", "*"))
    after = single(("a:Get*", "*"), actions=[*ACTIONS, "a:GetNew"])
    (expansion,) = [change for change in changes(before, after) if change.expansion]
    assert expansion.whose == AWS
    assert expansion.sentence == "one gains `a:GetNew` (Read) under `a:Get*`."


def test_action_that_aws_adds_is_not_attributed_to_a_wider_pattern() -> None:
    before = single(("a:Get*", "*"))
    after = single(("a:Get*", "*"), ("a:*", "*"), actions=[*ACTIONS, "a:GetNew"])
    assert [change.sentence for change in changes(before, after)] == [
        "one gains `a:*` on `*` in `P`, and with it 1 action: `a:PutX` (Read).",
        "one gains `a:GetNew` (Read) under `a:*` and `a:Get*`.",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expansion"),
    [
        ("arn:aws:a:::one", "*", True),
        ("arn:aws:a:::one", "arn:aws:a:::two", True),
        ("arn:aws:a:::o?e", "arn:aws:a:::o*e", True),
        ("*", "arn:aws:a:::one", False),
        ("arn:aws:a:::*", "arn:aws:a:::o?e", False),
        ("arn:aws:a:::One", "arn:aws:a:::one", True),
        ("arn:aws:a:*:one", "arn:aws:a:r:1:one", True),
        ("arn:aws:a:*:1:*", "arn:aws:a:r:1:one:two/three", False),
        ("arn:aws:a:*:1:one", "arn:aws:a:r:2:1:one", True),
        ("arn:*", "arn:aws:a:::one", True),
    ],
)
def test_only_a_resource_that_gets_wider_is_an_expansion(
    before: str, after: str, *, expansion: bool
) -> None:
    found = changes(single(("a:GetX", before)), single(("a:GetX", after)))
    assert any(change.expansion for change in found) == expansion
    assert [change.effect for change in found] == [GAINED, LOST]


def test_action_that_aws_adds_is_an_expansion_by_aws() -> None:
    before = single(("a:Get*", "*"))
    after = single(("a:Get*", "*"), actions=[*ACTIONS, "a:GetNew"])
    (action,) = [action for action in after["actions"] if action["name"] == "a:GetNew"]
    action |= {"returns_data": True, "reasons": {**action["reasons"], "returns_data": "Why."}}
    change = only(before, after)
    assert (change.whose, change.effect, change.expansion) == (AWS, GAINED, True)
    assert change.sentence == "one gains `a:GetNew` (Read, returns data) under `a:Get*`."
    assert only(after, before).sentence == (
        "one loses `a:GetNew` (Read, returns data) under `a:Get*`."
    )


def test_new_role_is_one_expansion_with_its_size() -> None:
    after = build({"one": {"P": [("a:Get*", "*")]}, "two": {"Q": [("a:Put*", "*")]}}, ACTIONS)
    change = only(single(("a:Get*", "*")), after)
    assert (change.whose, change.expansion) == (PUMP, True)
    assert change.sentence == (
        "two is a new role, `PumpTwoRole`: 1 policy, 1 pattern, 1 action, all of them List or Read."
    )
    assert not only(after, single(("a:Get*", "*"))).expansion


def test_changes_of_one_kind_are_sorted() -> None:
    names = list("gcahdebf")
    before = single(("a:Get*", "*"))
    after = build({"one": {"P": [("a:Get*", "*")]}} | {name: {} for name in names}, ACTIONS)
    (role, *_) = after["roles"]
    role["parameters"] += [{**role["parameters"][0], "name": name} for name in names]
    for found in (changes(before, after), changes(after, before)):
        assert [one.role for one in found if one.role != "one"] == sorted(names)
        parameters = [one.what for one in found if one.role == "one"]
        assert len(parameters) == len(names)
        assert parameters == sorted(parameters)


@pytest.mark.parametrize(
    ("change", "effects", "expansion"),
    [
        (lambda role: role["trust"]["principal_parameters"].append("PumpExternalID"), "g", True),
        (
            lambda role: role["trust"].update(principal_parameters=["PumpExternalID"]),
            "gl",
            True,
        ),
        (lambda role: role["trust"]["external_id_parameters"].append("PumpIamRole"), "g", True),
        (lambda role: role["trust"].update(external_id_parameters=[]), "c", True),
        (lambda role: role["trust"].update(external_id_operator="StringLike"), "c", True),
        (lambda role: role["trust"].pop("external_id_operator"), "c", True),
        (lambda role: role["trust"].update(more=1), "c", True),
        (lambda role: role["trust"]["actions"].append("sts:TagSession"), "g", True),
        (lambda role: role.update(session_seconds=7200), "g", True),
        (lambda role: role["parameters"][0].update(pattern=".*"), "c", True),
        (lambda role: role["parameters"].append({**role["parameters"][0], "name": "P"}), "g", True),
        (lambda role: role["parameters"][0].update(default="0000"), "c", True),
        (lambda role: role.update(name="Other"), "c", False),
        (lambda role: role.update(stack_name="Other"), "c", False),
        (lambda role: role.update(description="Other"), "r", False),
        (lambda role: role.update(path="/other/"), "c", True),
        (lambda role: role["policies"][0]["document"].pop("Version"), "c", True),
        (lambda role: role["policies"][0]["document"].update(Version="2008-10-17"), "c", True),
        (lambda role: role["policies"][0].update(document={"Statement": "*"}), "c", True),
        (lambda role: role["policies"][0].update(document=None), "c", True),
        (
            lambda role: role["policies"][0]["document"]["Statement"][0].update(
                Resource="arn:aws:a:::${aws:PrincipalTag/a}"
            ),
            "c",
            True,
        ),
        (
            lambda role: role["policies"][0]["document"]["Statement"].append(
                {"NotAction": ["iam:*"], "Resource": "*", "Effect": "Allow"}
            ),
            "c",
            True,
        ),
        (
            lambda role: role["policies"][0]["document"]["Statement"].append(
                {"Action": ["iam:*"], "Resource": "*", "Effect": "Allow"}
            ),
            "c",
            True,
        ),
        (lambda role: role["policies"].append(deepcopy(role["policies"][0])), "cc", True),
        (
            lambda role: role["policies"].append({"name": "E", "document": {"Statement": []}}),
            "c",
            False,
        ),
    ],
)
def test_change_of_a_role(
    change: Callable[[Manifest], object], effects: str, *, expansion: bool
) -> None:
    before = single(("a:Get*", "*"))
    after = deepcopy(before)
    change(after["roles"][0])
    found = changes(before, after)
    named = {"g": GAINED, "l": LOST, "c": CHANGED, "r": REWORDED}
    assert [change.effect for change in found] == [named[effect] for effect in effects]
    assert found[0].expansion == expansion
    assert all(len(change.sentence.splitlines()) == 1 for change in found)
    if "g" in effects and "l" not in effects:
        assert not any(change.expansion for change in changes(after, before))


def test_message_says_what_is_not_understood() -> None:
    before = single(("a:Get*", "*"))
    after = deepcopy(before)
    after["roles"][0]["trust"]["external_id_operator"] = "StringLike"
    assert only(before, after).sentence == (
        "not understood: later manifest: $.roles[0].trust.external_id_operator: "
        "'StringLike' is not one of ['StringEquals']."
    )
    assert "earlier manifest" in only(after, before).sentence


@pytest.mark.parametrize("broken", [None, [], {}, "manifest", {"schema": 2}])
def test_invalid_manifest_is_not_understood(broken: Any) -> None:
    assert only(single(), broken).expansion
    assert only(broken, single()).expansion


def test_other_access_level_or_mark_is_reclassified() -> None:
    before = single(("a:GetX", "*"))
    after = deepcopy(before)
    after["actions"][0]["access_levels"] = ["Tagging", "Write"]
    change = only(before, after)
    assert (change.whose, change.effect, change.expansion) == (AWS, RECLASSIFIED, False)
    assert change.sentence == "`a:GetX` is Tagging, Write instead of Read."
    after = deepcopy(before)
    after["actions"][0] |= {"incurs_fee": True}
    after["actions"][0]["reasons"]["incurs_fee"] = "Why."
    change = only(before, after)
    assert (change.whose, change.effect, change.expansion) == (PUMP, RECLASSIFIED, False)
    assert change.sentence == "`a:GetX` now incurs a fee."
    assert only(after, before).sentence == "`a:GetX` no longer incurs a fee."


def test_sizes_of_the_published_roles_are_those_of_the_readme() -> None:
    content = manifest()
    assert [sizes(role, content["actions"]) for role in content["roles"]] == [
        "1 policy, 19 patterns, 238 actions, all of them List or Read",
        "4 policies, 61 patterns, 721 actions, 62 of them not List or Read",
    ]
