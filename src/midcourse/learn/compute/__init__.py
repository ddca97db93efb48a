"""How log-probabilities of a layout are computed: the model and the ways to run it, its attention, layers and head."""
