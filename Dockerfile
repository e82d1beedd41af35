# Build: Python packages by lock file, the front-end by lock file, translations and static files
FROM python:3.13-slim-bookworm AS build
WORKDIR /srv/femfem
ENV UV_PROJECT_ENVIRONMENT=/srv/venv UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
ENV PATH=/srv/venv/bin:$PATH
RUN python -m pip install --no-cache-dir uv==0.13.8
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --group build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN python scripts/vendor.py
RUN FEMFEM_ENV=demo FEMFEM_VAR=/tmp/var STATIC_ROOT=/srv/static python scripts/prepare.py
RUN uv sync --frozen --no-default-groups && rm -rf node_modules

# Run: without the tools of the build, as a user who owns nothing but the files' volume
FROM python:3.13-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 poppler-utils fonts-dejavu-core fonts-urw-base35 \
        postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/femfem --create-home femfem
COPY --from=build /srv /srv
WORKDIR /srv/femfem
ENV PATH=/srv/venv/bin:$PATH PYTHONUNBUFFERED=1
ENV FEMFEM_VAR=/var/lib/femfem MEDIA_ROOT=/var/lib/femfem/media STATIC_ROOT=/srv/static BIND=0.0.0.0:8000
USER femfem
VOLUME /var/lib/femfem
EXPOSE 8000
CMD ["gunicorn", "--config", "config/gunicorn.py", "config.wsgi"]
