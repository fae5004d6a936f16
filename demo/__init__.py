"""The page: a photo, a video, one button. Also a Hugging Face Space (`app.py`).

Gradio would report its use to its makers; here it is told not to before anything imports it.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
