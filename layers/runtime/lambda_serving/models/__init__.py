"""Models: where they lie and which versions of an endpoint are loaded."""
