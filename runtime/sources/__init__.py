"""What is moved: one person in a picture, several of them, or a video in which they move already."""
