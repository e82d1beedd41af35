"""What falls due: found in the facts (`kinds`), kept as rows (`following`), and what a person can say of one (`acts`)."""
