# The page in a container. docs/containers.md has the commands.
#   docker build -t attention-lab .                                      the default build of torch (CUDA; 6 GB)
#   docker build -t attention-lab --build-arg TORCH_INDEX=ADDRESS .      torch from there: its CPU builds make 1.5 GB
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ARG TORCH_INDEX=""
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY requirements.txt requirements.lock ./
RUN python -m venv /venv
# With hashes wherever the lock has them: for the default torch on x86-64. Another torch has another hash, so it comes by
# its pinned version, and all that is not torch's own by the lock.
RUN if [ -n "$TORCH_INDEX" ]; then \
      grep -E '^(torch|torchvision)==' requirements.txt > torch.txt; \
      /venv/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" -r torch.txt; \
      grep -vE '^(#|torch|torchvision|triton|nvidia-|cuda-)' requirements.lock > rest.txt; \
      if [ "$(uname -m)" = x86_64 ]; then /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r rest.txt; \
      else /venv/bin/pip install --no-cache-dir -r requirements.txt; fi; \
    elif [ "$(uname -m)" = x86_64 ]; then /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock; \
    else /venv/bin/pip install --no-cache-dir -r requirements.txt; fi; \
    /venv/bin/pip check

FROM python:${PYTHON}
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=7860 GRADIO_TEMP_DIR=/tmp/gradio
RUN useradd --uid 1000 --create-home --shell /usr/sbin/nologin lab
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py LICENSE NOTICE ./
COPY attention attention
COPY checkpoints checkpoints
COPY data/results data/results
COPY samples samples
USER 1000
EXPOSE 7860
# /healthz answers 200 once the models are loaded and have checked themselves.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=8)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "app.py"]
