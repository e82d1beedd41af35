"""Why we may make it (Article 5(5)), and what we owe patients and authorities."""
