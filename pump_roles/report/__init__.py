"""The permission report: what roles can do, action by action, and how they differ from what Pump
publishes.

Each module is one step. ``policies`` reads a role's policies, and ``comparison`` compares the role
with what is published. ``marks`` says which actions matter, ``statements`` answers in plain words,
and ``findings`` says what matters most. ``changes`` compares with an earlier report. ``build``
assembles the ``model``, which the output has words for.
"""

from pump_roles.report.build import of_contents, of_published, of_templates
from pump_roles.report.changes import Earlier, earlier_of
from pump_roles.report.model import Report

__all__ = ["Earlier", "Report", "earlier_of", "of_contents", "of_published", "of_templates"]
