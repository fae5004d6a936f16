"""From the model's pictures to the result: larger, pasted back, labelled, side by side."""
