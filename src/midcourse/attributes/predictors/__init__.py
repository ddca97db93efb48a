"""Who says which attributes an answer has: a regression head, a model that writes the values, a judge by HTTP."""
