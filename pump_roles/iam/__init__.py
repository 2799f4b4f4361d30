"""What policies mean: statements, conditions, trust, decisions about actions, and the catalog."""
