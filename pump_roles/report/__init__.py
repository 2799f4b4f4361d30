"""The permission report: what roles may do, action by action, and how that differs from what Pump
publishes.

Each module is one step: ``clauses`` reads policy documents, ``decisions`` and ``comparison`` judge
them, ``changes`` and ``findings`` say what matters, ``build`` puts the ``model`` together, and
``formats``, ``markdown`` and ``page`` show it.
"""

from pump_roles.report.build import of_contents, of_published, of_templates
from pump_roles.report.earlier import earlier_report
from pump_roles.report.model import Report

__all__ = ["Report", "earlier_report", "of_contents", "of_published", "of_templates"]
