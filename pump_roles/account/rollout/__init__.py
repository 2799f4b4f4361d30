"""Which accounts of an organization have a rollout's role, and which do not: nothing but reads."""
