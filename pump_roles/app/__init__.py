"""The CDK app: from its settings to its stacks."""
