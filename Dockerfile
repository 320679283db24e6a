# The command `aae-tf` in a container; docs/getting_started.md says how to build and run it.
FROM python:3.11-slim

COPY requirements.lock setup.py setup.cfg pyproject.toml README.md LICENSE /source/
COPY aae_tf /source/aae_tf
COPY flags /source/flags
RUN pip install --no-cache-dir --constraint=/source/requirements.lock '/source[client]' \
    && rm -r /source

# Any user may run it (docker run --user): what libraries cache goes where anyone can write.
ENV HOME=/tmp
RUN useradd --home-dir /tmp aae && install --directory --owner=aae /runs
USER aae
WORKDIR /runs

ENTRYPOINT ["aae-tf"]
CMD ["--help"]
