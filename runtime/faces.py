"""Where faces are in a picture: what scripts outside of the engine look them up by.

from runtime.faces import find_faces
"""

from runtime.framing.faces import Face, find_faces

__all__ = ["Face", "find_faces"]
