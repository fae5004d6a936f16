# The page in a container, for a Docker Space or one's own machine:
#   docker build -t bunraku . && docker run --rm -p 7860:7860 bunraku
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 page
WORKDIR /home/page/bunraku

COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

# The engine, the models that come with it and the page; neither training nor tests.
COPY LICENSE NOTICE app.py ./
COPY checkpoints checkpoints
COPY runtime runtime
COPY demo demo

USER page
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_TEMP_DIR=/tmp/bunraku \
    PYTHONUNBUFFERED=1
EXPOSE 7860
CMD ["python", "app.py"]
