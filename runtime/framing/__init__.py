"""Which square of a picture moves, and where the faces are."""
