"""The project's files: found, read, replaced and locked. What is in them is for other rooms."""
