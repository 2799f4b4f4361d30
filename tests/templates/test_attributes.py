"""What AWS makes for a resource is what its schema says, in the pinned version of cfn-lint."""

from pump_roles.templates.template import AWS_TYPES, attributes
from tools.sandbox import make_attributes


def test_attributes_are_what_make_attributes_makes_of_the_schemas() -> None:
    made = make_attributes.as_text(make_attributes.trimmed())
    assert make_attributes.FILE.read_text(encoding="utf-8") == made


def test_each_iam_resource_whose_arn_is_known_has_one_name() -> None:
    assert all(len(attributes()[kind][1].split()) == 1 for kind in AWS_TYPES["iam"])
