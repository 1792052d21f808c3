"""The user's files, edited in place: ``endpoint.toml``, ``template.yaml``, starters."""
