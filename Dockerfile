# syntax=docker/dockerfile:1
# The README's two commands in a container:
#   docker build -t colllm-bench .                     # torch for CPUs
#   docker run --rm -v "$PWD/results:/app/results" colllm-bench
#   docker build --target test -t colllm-bench-test . && docker run --rm colllm-bench-test
# With a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128, run with --gpus all.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm AS run
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
# Not root: the sandbox for generated code drops privileges anyway.
RUN useradd --uid 1000 --create-home bench && mkdir /app && chown 1000:1000 /app
USER 1000:1000
WORKDIR /app
ENV PIP_ARGS="--extra-index-url ${TORCH_INDEX}" PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1
COPY --chown=1000:1000 . .
RUN make .venv/.installed
CMD ["make", "run"]

FROM run AS test
USER 0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium \
    && rm -rf /var/lib/apt/lists/*
USER 1000:1000
RUN make .venv/.testable
CMD ["make", "test"]

# `docker build .` without --target ends here.
FROM run
