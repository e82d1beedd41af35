"""Django's own database engines, taught to say who is acting. They are loaded before any model, so they import none."""
