"""Who can assume a role: Pump's principal, with an external ID. Each can be a parameter."""

from typing import Final

from aws_cdk import Annotations, CfnParameter, Reference, Stack, Tokenization
from constructs import Construct

from pump_roles.published import trust_policy
from pump_roles.validators import (
    PROVIDED_EXTERNAL_ID,
    PROVIDED_PRINCIPAL,
    ArgumentError,
    Text,
    is_token,
    policy_size,
    warning_if_short,
)


def literal_or_parameter(
    validator: Text, argument: str, value: str | CfnParameter, *, scope: Construct
) -> str:
    """Return what represents the value in a template: the literal, or a reference.

    A ``CfnParameter`` without an allowed pattern gets the validator's pattern, and nothing else, so
    that CloudFormation checks the value at deployment. An info message at synth says so. The
    validation of the synthesized template checks that the parameter still has that pattern.
    """
    value = _parameter_of(value)
    if not isinstance(value, CfnParameter):
        return validator.check(argument, value)
    stack, path = Stack.of(value), value.node.path
    if stack is not Stack.of(scope):
        raise ArgumentError(argument, f"{path} is a parameter of another stack")
    if value.type != "String":
        raise ArgumentError(argument, f"{path} is a parameter of type {value.type}, must be String")
    if value.default is not None:
        validator.check(f"{argument} (default of {path})", value.default)
    if value.allowed_pattern is None:
        value.allowed_pattern = validator.pattern
        Annotations.of(value).add_info_v2(
            "pump-roles:allowed-pattern",
            f"pump-roles set the allowed pattern of this parameter to that of {argument}",
        )
    elif value.allowed_pattern != validator.pattern:
        raise ArgumentError(
            argument,
            f"{path} has a different allowed pattern than {validator.description}; omit it "
            "(pump-roles sets it), or use a separate parameter",
        )
    return value.value_as_string


def _parameter_of(value: str | CfnParameter) -> str | CfnParameter:
    # ``parameter.value_as_string`` leads back to the parameter.
    if not isinstance(value, str) or not is_token(value):
        return value
    found = Tokenization.reverse_string(value)
    token = found.first_token if found.length == 1 else None
    target = token.target if isinstance(token, Reference) else None
    return target if isinstance(target, CfnParameter) else value


_QUOTA: Final = 2_048


def validated_trust(
    scope: Construct,
    *,
    pump_principal: str | CfnParameter,
    external_id: str | CfnParameter,
    next_external_id: str | CfnParameter | None = None,
) -> tuple[str, list[str]]:
    """Return a principal, and the external IDs with which it can assume a role, as in a template.

    The synth warns about a literal external ID of fewer than 16 characters.
    """
    principal = literal_or_parameter(
        PROVIDED_PRINCIPAL, "pump_principal", pump_principal, scope=scope
    )
    ids = {"external_id": external_id}
    if next_external_id is not None:
        ids["next_external_id"] = next_external_id
    accepted = [
        literal_or_parameter(PROVIDED_EXTERNAL_ID, argument, value, scope=scope)
        for argument, value in ids.items()
    ]
    *_, last = ids
    if len(set(accepted)) < len(accepted):
        raise ArgumentError(last, "it must differ from the external ID that is already accepted")
    if (size := policy_size(trust_policy(principal, accepted))) > _QUOTA:
        raise ArgumentError(
            last, f"the trust policy would have {size:,} characters, at most {_QUOTA:,} allowed"
        )
    for argument, value in ids.items():
        if isinstance(value, str) and (warning := warning_if_short(value)):
            Annotations.of(scope).add_warning_v2(f"pump-roles:{argument}", warning)
    return principal, accepted
