"""Finds which accounts of an organization have a rollout's role, with read-only calls."""
