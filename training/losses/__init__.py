"""The parts of the training objective, each a function of tensors."""
