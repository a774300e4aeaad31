"""The worker: `celery --app=shop worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL"))
app.autodiscover_tasks(["shop"])
