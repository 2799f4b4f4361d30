"""What patterns match, cover, and share, checked with every short name."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.arns import ArnIndex
from pump_roles.patterns import covers, overlap

GLOBS = st.text("ab*?:", max_size=8)
SHORT = st.text("ab*?", max_size=4)
NAMES = ["".join(name) for length in range(6) for name in product("ab", repeat=length)]


def matches(glob: str, text: str) -> bool:
    """Whether a pattern matches a name, as IAM decides it."""
    if not glob:
        return not text
    if glob[0] == "*":
        return matches(glob[1:], text) or (bool(text) and matches(glob, text[1:]))
    return bool(text) and glob[0] in {"?", text[0]} and matches(glob[1:], text[1:])


@cache
def matched(glob: str) -> frozenset[str]:
    return frozenset(name for name in NAMES if matches(glob, name))


@given(GLOBS, st.text("aAbB:", max_size=8))
def test_pattern_matches_as_in_iam(pattern: str, name: str) -> None:
    assert covers(pattern, name) == matches(pattern, name.lower())


@given(SHORT, SHORT)
def test_pattern_covers_only_what_matches_nothing_else(pattern: str, other: str) -> None:
    if covers(pattern, other):
        assert matched(other) <= matched(pattern)
    assert covers(pattern, pattern)
    assert covers("*", other)


@given(SHORT, SHORT)
def test_patterns_overlap_if_a_name_matches_both(pattern: str, other: str) -> None:
    if matched(pattern) & matched(other):
        assert overlap(pattern, other)
    elif "*" not in pattern and "*" not in other:
        assert not overlap(pattern, other)
    assert overlap(pattern, other) == overlap(other, pattern)


ARN_PARTS = st.lists(st.text("abA*?", max_size=3), min_size=1, max_size=6)


@given(st.lists(ARN_PARTS.map(":".join), min_size=1, max_size=6), ARN_PARTS.map(":".join))
def test_index_finds_the_arns_of_which_every_part_overlaps(arns: list[str], pattern: str) -> None:
    def parts(arn: str) -> list[str]:
        # IAM completes an ARN that is too short.
        return [*arn.split(":"), *"*****"][:6]

    index = ArnIndex(arns)
    found = index.overlapping(pattern)
    for arn in arns:
        expected = all(map(overlap, parts(pattern), parts(arn)))
        assert bool(found & index.bits([arn])) == expected


@pytest.mark.parametrize(
    ("pattern", "other", "shared"),
    [
        ("ec2:Describe*", "EC2:describeinstances", True),
        ("ec2:Describe*", "ec2:*Instances", True),
        ("ec2:Describe*", "ec2:Run*", False),
        ("ec2:*", "rds:*", False),
        ("s3:*Object", "s3:Get*", True),
        ("s3:*Object", "s3:GetBucket?", False),
        ("*", "a:b", True),
    ],
)
def test_patterns_share_actions(pattern: str, other: str, *, shared: bool) -> None:
    assert overlap(pattern, other) == shared
