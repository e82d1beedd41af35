"""What is written down, and proof that it was not changed."""
