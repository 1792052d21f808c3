"""The command line and the local cloud: what never ships to Lambda."""
