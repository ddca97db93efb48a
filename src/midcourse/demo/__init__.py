"""The demonstration: free-form notes become contact cards in a house format that the model has never seen."""
