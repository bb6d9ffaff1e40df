# Two images: `worker`, the default, for workers, `web` and Flower; `sandbox`, a local ConvertAPI.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/conveyor
ENV PATH=/opt/conveyor/bin:$PATH
WORKDIR /src
COPY constraints.txt ./

FROM build AS build-worker
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY conveyor conveyor
COPY tasks tasks
COPY web web
COPY workers workers
# A storage in S3 or Google Cloud: --build-arg EXTRAS=cli,worker,web,jwt,s3
ARG EXTRAS=cli,worker,web,jwt
RUN pip install --constraint constraints.txt ".[${EXTRAS}]"

FROM build AS build-sandbox
COPY convertapi_sandbox convertapi_sandbox
RUN pip install --constraint constraints.txt ./convertapi_sandbox

FROM python:3.12-slim AS base
# The folder of results belongs to the user, so that a named volume mounted there does too.
RUN useradd --uid 10001 --create-home conveyor \
    && install -d -o conveyor -g conveyor /var/lib/conveyor/files
ENV PATH=/opt/conveyor/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
STOPSIGNAL SIGTERM
USER conveyor
WORKDIR /app

FROM base AS sandbox
COPY --from=build-sandbox /opt/conveyor /opt/conveyor
EXPOSE 8090
# The address is that of a container: nothing outside reaches it unless a port is published. Other
# containers call it by this name.
ENV CONVERTAPI_SANDBOX_HOSTS=sandbox
CMD ["python", "-m", "convertapi_sandbox", "--host", "0.0.0.0", "--port", "8090", "--allow-remote"]

FROM base AS worker
COPY --from=build-worker /opt/conveyor /opt/conveyor
ENV CONVEYOR_STORAGE_URL=file:///var/lib/conveyor/files
CMD ["conveyor", "worker"]
