"""The model registry in a stack's bucket; docs/registry.md tells its layout."""
