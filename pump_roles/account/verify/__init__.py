"""Compares the roles in AWS accounts with what is expected, and changes nothing.

``expected`` says what is expected. ``details`` is what an account has, which ``reading`` reads with
boto3, or from saved files; ``accounts`` does so for each account of an organization. ``compare``
compares the two, ``others`` looks at the account's other roles, and ``effects`` decides what a
difference means. ``model`` is the result, which ``table``, ``formats``, and ``sarif`` show.
"""
