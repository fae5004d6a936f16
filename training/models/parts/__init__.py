"""What families of motion models are made of."""
