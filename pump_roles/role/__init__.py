"""What a role is, where it is deployed, what else reaches it, and which guardrail a policy is."""
