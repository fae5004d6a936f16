"""Much at once: batches, live cameras, and threads that let decoding, inference and encoding overlap."""
