"""Values that are literals, or template parameters that CloudFormation checks at deployment."""

from aws_cdk import Annotations, CfnParameter, Stack
from constructs import Construct

from pump_roles.validators import ArgumentError, Text

__all__ = ["literal_or_parameter", "validated_parameter"]


def validated_parameter(
    scope: Construct, id: str, validator: Text, *, description: str
) -> CfnParameter:
    """Return a new template parameter that accepts only what the validator accepts.

    :param scope: the stack.
    :param id: the construct ID, which is the parameter's name.
    :param validator: validates the value, by its pattern and lengths.
    :param description: the description that the CloudFormation console shows.
    """
    return CfnParameter(
        scope,
        id,
        description=description,
        allowed_pattern=validator.pattern,
        min_length=validator.minimum,
        max_length=validator.maximum,
        constraint_description=f"must be {validator.description}",
    )


def literal_or_parameter(
    validator: Text, argument: str, value: str | CfnParameter, *, scope: Construct
) -> str:
    """Return what represents the value in a template: the literal, or a reference.

    A ``CfnParameter`` without an allowed pattern gets the validator's pattern, and nothing else, so
    that CloudFormation checks the value at deployment. An info message at synth says so. The
    validation of the synthesized template checks that the parameter still has that pattern.

    :param validator: validates the literal.
    :param argument: the value's name in error messages.
    :param value: the literal or the parameter.
    :param scope: a construct of the stack that uses the value.
    :raises ArgumentError: when the validator does not accept the literal, or the parameter belongs
        to another stack, is not a ``String``, has another pattern, a default that the validator
        does not accept, or a value that is not a reference to it.
    """
    if not isinstance(value, CfnParameter):
        return validator.check(argument, value)
    stack, path = Stack.of(value), value.node.path
    if stack is not Stack.of(scope):
        raise ArgumentError(argument, f"{path} is a parameter of another stack")
    if value.type != "String":
        raise ArgumentError(argument, f"{path} is a parameter of type {value.type}, must be String")
    if value.default is not None:
        validator.check(f"{argument} (default of {path})", value.default)
    reference = value.value_as_string
    if stack.resolve(reference) != {"Ref": stack.resolve(value.logical_id)}:
        raise ArgumentError(argument, f"the value of {path} is not a reference to that parameter")
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
    return reference
