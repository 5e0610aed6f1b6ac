# labelaudit on the CPU; how to use it, and with a GPU: docs/how-to/docker.md
FROM python:3.12-slim

# git: labelaudit check --since
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home auditor \
 && git config --system --add safe.directory '*'

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision

COPY pyproject.toml README.md LICENSE /opt/labelaudit/
COPY labelaudit /opt/labelaudit/labelaudit
RUN pip install --no-cache-dir /opt/labelaudit && labelaudit --version

USER auditor
WORKDIR /data
ENTRYPOINT ["labelaudit"]
CMD ["--help"]
