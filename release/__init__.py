"""What a release consists of: the files made from the published roles, and how they are made."""
