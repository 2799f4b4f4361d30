"""The addresses of the pages of AWS that the data of the package names by their titles."""

import re
from collections.abc import Mapping
from typing import Final

_AWS: Final = "https://docs.aws.amazon.com/"

_REFERENCES: Final[Mapping[str, str]] = {
    "AWS Organizations API Reference": "organizations/latest/APIReference/API_{}.html",
    "AWS Support API Reference": "awssupport/latest/APIReference/API_{}.html",
    "Amazon EC2 API Reference": "AWSEC2/latest/APIReference/API_{}.html",
    "Amazon EKS API Reference": "eks/latest/APIReference/API_{}.html",
    "Amazon Redshift API Reference": "redshift/latest/APIReference/API_{}.html",
    "Service Quotas API Reference": "servicequotas/2019-06-24/apireference/API_{}.html",
}
"""Where an API reference has the page of an action or a type."""

_PAGES: Final[Mapping[str, str]] = {
    "Exploring more data for advanced cost analysis": (
        "cost-management/latest/userguide/ce-advanced-cost-analysis.html"
    ),
}
"""Where another page is, by its title."""


def linked(text: str) -> str:
    """Return a text with a link instead of each title of a page in it."""

    def link(found: re.Match[str]) -> str:
        source, title = found.groups()
        path = _PAGES.get(title) or _REFERENCES[source].format(title)
        return f'{source}, ["{title}"]({_AWS}{path})'

    return re.sub(r'((?:AWS|Amazon|Service)[\w ]+(?:Reference|Guide)), "([^"]+)"', link, text)
