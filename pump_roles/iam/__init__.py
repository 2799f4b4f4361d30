"""Policies, and what they mean: documents, statements, trust, and the action catalog."""
