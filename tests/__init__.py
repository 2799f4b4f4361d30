"""The tests, and what they share."""

import os

# The CDK's own rules take most of the time of a synth: only those by the CDK CLI apply them. Node
# keeps the environment that it starts with.
os.environ["CDK_VALIDATION"] = "false"

import aws_cdk  # noqa: F401

del os.environ["CDK_VALIDATION"]
