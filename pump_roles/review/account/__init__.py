"""Read-only checks of AWS accounts with boto3: roles, rollouts, activity, and external IDs."""
