"""Compares the roles in AWS accounts with the expected ones, with read-only calls.

Each module is one step. ``expected`` says what is expected. ``details`` is what an account has,
which ``reading`` reads with boto3, or ``details`` itself from saved files; ``accounts`` does so for
each account of an organization. ``compare`` compares the two, with ``compare_trust``,
``compare_policies``, and ``other_roles``; ``effects`` and ``trust`` determine what a difference
means. ``model`` is the result, which ``formats``, ``table``, and ``sarif`` show, with the
``wording`` and ``remedies`` that they share. ``contents`` prepares an account for the permission
report.
"""
