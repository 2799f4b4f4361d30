"""Pump's auto-pilot role, which a budget stops when the account costs too much.

An example to copy. Replace the constants: what Pump gives you, and what your team decides. Once the
budget is exceeded, AWS attaches its policy AWSDenyAll to the role, which then can do nothing.
"""

from aws_cdk import App, Aws, CfnOutput, Stack, Validations
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import AutoPilotRole, Guardrail

PUMP_PRINCIPAL = "PRINCIPAL"
EXTERNAL_ID = "EXTERNAL_ID"
"""What Pump gives you. The ID is not a secret."""

DOLLARS_A_MONTH = 10_000
"""What the account may cost in a month, upfront fees included, before Pump is stopped."""

APPROVAL = "AUTOMATIC"
"""With MANUAL, AWS only asks, and nothing is stopped until someone in the account approves."""

EMAIL = "finops@example.com"
"""Whom AWS tells."""


class VendorsStack(Stack):
    """The roles that vendors assume."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="The roles that vendors assume")
        self.pump = AutoPilotRole(
            self,
            "Pump",
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            guardrails=[Guardrail.RECOMMENDED],
        )
        # Without this call, cdk-nag reports each wildcard that Pump publishes.
        self.pump.acknowledge_cdk_nag()
        self.stop_by_budget()
        CfnOutput(self, "RoleArn", description="Give this to Pump", value=self.pump.role_arn)

    def stop_by_budget(self) -> None:
        """Stop Pump when the budget is exceeded."""
        deny_all = iam.ManagedPolicy.from_aws_managed_policy_name("AWSDenyAll").managed_policy_arn
        budget = budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=DOLLARS_A_MONTH, unit="USD"),
            ),
        )
        budgets.CfnBudgetsAction(
            self,
            "StopPump",
            budget_name=budget.ref,
            notification_type="ACTUAL",
            action_threshold=budgets.CfnBudgetsAction.ActionThresholdProperty(
                type="PERCENTAGE", value=100
            ),
            action_type="APPLY_IAM_POLICY",
            definition=budgets.CfnBudgetsAction.DefinitionProperty(
                iam_action_definition=budgets.CfnBudgetsAction.IamActionDefinitionProperty(
                    policy_arn=deny_all, roles=[self.pump.role_name]
                )
            ),
            execution_role_arn=self.execution_role(deny_all).role_arn,
            approval_model=APPROVAL,
            subscribers=[budgets.CfnBudgetsAction.SubscriberProperty(address=EMAIL, type="EMAIL")],
        )

    def execution_role(self, policy_arn: str) -> iam.Role:
        """Return the role with which AWS Budgets attaches this policy, and can do nothing else."""
        attach = iam.PolicyStatement(
            actions=["iam:AttachRolePolicy"],
            resources=[self.pump.role_arn],
            conditions={"ArnEquals": {"iam:PolicyARN": policy_arn}},
        )
        return iam.Role(
            self,
            "Budgets",
            assumed_by=iam.ServicePrincipal(
                "budgets.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            inline_policies={"StopPump": iam.PolicyDocument(statements=[attach])},
        )


app = App()
VendorsStack(app, "Vendors")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
