"""Where statements apply, and which of them apply wherever another one does."""

from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.clauses import Scope, Scopes

PATTERNS = (
    *("*", "arn:*", "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*:*:instance/a"),
    *("arn:aws:ec2:*:*:instance/a*", "arn:aws:ec2:*:*:instance/?", "arn:aws:s3:::${aws:userid}"),
    *("arn:aws:s3:::a", "?rn:aws:s3:::a", ""),
)
SCOPES = st.builds(
    Scope,
    resources=st.lists(st.sampled_from(PATTERNS), max_size=2).map(tuple),
    excluded=st.booleans(),
    condition=st.sampled_from(
        ["", '{"StringEquals": {"k": ["a"]}}', '{"StringEquals": {"k": ["a", "b"]}}']
    ),
)


@given(st.lists(SCOPES, max_size=8), SCOPES)
def test_finds_every_scope_that_covers_another_one(scopes: list[Scope], scope: Scope) -> None:
    expected = {other for other in scopes if other.covers(scope)}
    assert {*Scopes(scopes).covering(scope)} == expected
