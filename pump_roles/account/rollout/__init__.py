"""Which accounts of an organization have a rollout's role, and which do not. It only reads."""
