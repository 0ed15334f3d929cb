"""Sources of skin tone: how far they agree, and how results shift from one to another."""
