"""A shop: web, admin, and a worker that fulfils orders."""

from shop.celery import app as celery_app

__all__ = ["celery_app"]
