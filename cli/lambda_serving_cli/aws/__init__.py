"""Which stack is meant, what is deployed there, its logs; AWS's errors in plain words."""
