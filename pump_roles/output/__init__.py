"""One voice: how results are written, as text, tables, Markdown, CSV, JSON, HTML, and SARIF."""
