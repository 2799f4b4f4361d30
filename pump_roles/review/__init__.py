"""What a role is, and whether it still is: in templates, in reports, and in accounts."""
