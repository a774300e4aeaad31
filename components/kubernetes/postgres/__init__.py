"""Postgres: PostgreSQL with standbys, failover and backups."""

from components.kubernetes.postgres.options import Backups, Database, Restore
from components.kubernetes.postgres.postgres import Postgres

__all__ = ["Backups", "Database", "Postgres", "Restore"]
