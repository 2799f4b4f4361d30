"""Compares the roles in AWS accounts with the expected ones, with read-only calls."""
