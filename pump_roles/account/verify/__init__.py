"""Compares the roles in AWS accounts with what is expected, and changes nothing.

Each module is one step. ``expected`` says what is expected. ``details`` is what an account has,
read by ``reading`` with boto3, or from saved files; ``accounts`` does so for each account of an
organization. ``compare`` compares the two, with ``compare_trust``, ``compare_policies`` and
``others``; ``effects`` and ``trust`` decide what a difference means. ``model`` is the result, which
``formats``, ``table`` and ``sarif`` show, with the ``wording`` and ``cures`` that they share.
``reported`` is an account for the permission report.
"""
