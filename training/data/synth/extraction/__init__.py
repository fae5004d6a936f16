"""What builds the assets of heads and bodies, once."""
