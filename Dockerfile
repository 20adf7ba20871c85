# A tag may be rebuilt on a newer Debian. Where the registry can be asked, pin the digest, too:
#   make build PYTHON_IMAGE=3.13.16-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=3.13.16-slim-bookworm

FROM python:${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv .venv
# The locks before the code: a change of code alone takes the dependencies from Docker's cache.
COPY config/requirements.txt config/requirements-build.txt config/
# What comes as source is built by the locked setuptools, not by whatever the registry has today.
RUN .venv/bin/pip install --require-hashes --requirement config/requirements-build.txt \
    && .venv/bin/pip install --require-hashes --no-build-isolation --use-pep517 \
        --requirement config/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY service service
# pip compiles it, too: nothing can be written beside it later.
RUN .venv/bin/pip install --no-deps --no-build-isolation . \
    && .venv/bin/pip uninstall --yes setuptools pip

FROM python:${PYTHON_IMAGE}
ARG VERSION=unknown
LABEL org.opencontainers.image.title="discount-service" \
      org.opencontainers.image.description="Brands own pools of secret discount codes; each user gets one and keeps it." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
RUN groupadd --gid 10001 discount \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home \
        --home-dir /var/lib/discount discount \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/discount
COPY --from=builder /app/.venv /app/.venv
# Of which commit it is. Here, so that a new commit alone builds nothing above anew.
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DISCOUNT_ENV=production \
    DISCOUNT_DATABASE_URL=sqlite:////var/lib/discount/discount.db \
    HOST=0.0.0.0 \
    PORT=5000 \
    METRICS_PORT=5001
WORKDIR /app
# By number: Kubernetes cannot tell of a name that it is not root's.
USER 10001:10001
VOLUME ["/var/lib/discount"]
EXPOSE 5000 5001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez')"]
ENTRYPOINT ["discount"]
CMD ["run"]
