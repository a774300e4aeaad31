FROM python:3.12 AS base
FROM base AS run
USER 1234
CMD ["run"]
