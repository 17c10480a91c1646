"""Figures 4 and 5: what being asynchronous, and many, is worth."""
