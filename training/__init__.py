"""Training of motion transfer models in PyTorch. Nothing here is needed to animate."""
