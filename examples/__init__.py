"""The example models: made or unpacked here, never committed, never deployed with the code."""
