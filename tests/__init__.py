"""A package of its own, as a library brings one of the same name."""
