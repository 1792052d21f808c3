"""The dashboard and the alarms of the stack: a block of template.yaml, made from the endpoints."""
