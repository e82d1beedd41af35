"""What we make, where each item went, and which patients met it."""
