"""One voice: how results are written, as text, tables, Markdown, CSV, JSON, and HTML."""
