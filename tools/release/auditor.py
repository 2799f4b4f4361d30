"""The template of the role with which ``pump-roles verify --assume-role Auditor`` reads an account.

Its policy is the smallest with which the command works.
"""

import json
from typing import Final

from pump_roles.inputs.validators import PRINCIPAL
from pump_roles.published import ROLES
from pump_roles.review.account.account_details import policy_for_reading

NAME: Final = "Auditor"
"""The name of the role."""

PARAMETER: Final = "AuditorPrincipal"
"""Who may assume it."""


def template() -> bytes:
    """Return the template, as it is in ``cloudformation/``."""
    # Whatever the partition is.
    policy = policy_for_reading((role.name for role in ROLES.values()), partition="*")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": PARAMETER}},
        "Action": "sts:AssumeRole",
    }
    role = {
        "RoleName": NAME,
        "Description": "Lets pump-roles verify read the roles of Pump in this account",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": NAME, "PolicyDocument": policy}],
    }
    content = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role with which pump-roles verify reads an account. It cannot write.",
        "Parameters": {
            PARAMETER: {
                "Type": "String",
                "Description": "The account, or the role, that runs pump-roles verify",
                "AllowedPattern": PRINCIPAL.pattern,
                "ConstraintDescription": f"must be {PRINCIPAL.description}",
            }
        },
        "Resources": {NAME: {"Type": "AWS::IAM::Role", "Properties": role}},
    }
    return (json.dumps(content, indent=1) + "\n").encode()
