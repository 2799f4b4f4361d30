"""The permission report: what roles can do, action by action, and how they differ from what Pump
publishes.
"""

from pump_roles.review.report.build import of_contents, of_published, of_templates
from pump_roles.review.report.changes import Earlier, earlier_of
from pump_roles.review.report.report_model import Report

__all__ = ["Earlier", "Report", "earlier_of", "of_contents", "of_published", "of_templates"]
