"""Who we are: places, people, roles; and the history that the database writes."""
