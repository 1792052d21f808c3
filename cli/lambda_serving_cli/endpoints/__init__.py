"""The project's endpoints: made, changed, checked, asked, removed."""
