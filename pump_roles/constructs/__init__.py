"""The CDK constructs: the roles, their stacks and rollouts, the alarm, and Pump's side."""
