"""What stops a run: the wrong organisation, too much at once, an old copy of the database."""
