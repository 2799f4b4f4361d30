"""What comes in: names, IDs, and ARNs that AWS accepts, and text from elsewhere."""
