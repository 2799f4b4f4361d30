"""Pump's Guard rules as a validation plugin for an app, and what validation plugins share."""

from collections.abc import Iterable

from aws_cdk import (
    CloudFormationValidatePlugin,
    IPolicyValidationContext,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    ValidationRuleSource,
)

from pump_roles import guard

__all__ = ["GuardRules", "not_checked"]


class GuardRules(CloudFormationValidatePlugin):
    """The CDK's own validation with Pump's Guard rules: ``Validations.of(app).add_plugins(...)``.

    It replaces the plugin that the CDK registers itself, so the CDK's built-in rules run only once.
    Use one instance for all apps of a process: creating it is slow, and its memory is never freed.
    If the engine fails, that is a finding that cannot be acknowledged.

    Source: AWS CDK Developer Guide, "Policy validation at synthesis time".
    """

    def __init__(self) -> None:
        super().__init__(guard_rules=[ValidationRuleSource(name=guard.FILE, content=guard.rules())])

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Return what the rules find in the app's templates.

        :param context: the templates.
        """
        try:
            return super().validate(context)
        except Exception as error:  # noqa: BLE001 - CDK ignores a plugin that raises
            violation = not_checked("evaluation", error, context.template_paths)
            return PolicyValidationPluginReport(success=False, violations=[violation])


def not_checked(rule: str, error: Exception, templates: Iterable[str]) -> PolicyViolation:
    """Return the violation for templates that could not be checked.

    :param rule: the name of the rule.
    :param error: what ended the check.
    :param templates: the templates' paths, at least one.
    """
    return PolicyViolation(
        rule_name=rule,
        description=f"the templates could not be checked: {type(error).__name__}: {error}",
        # The only severity that cannot be acknowledged.
        severity="fatal",
        # CDK ignores a violation without a resource.
        violating_resources=[
            PolicyViolatingResource(resource_logical_id="*", template_path=path, locations=[])
            for path in templates
        ],
    )
