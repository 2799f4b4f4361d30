"""The CDK constructs: the roles, their stacks and rollouts, and Pump's side."""
