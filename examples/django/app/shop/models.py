"""Orders, and the migrations that have run."""

from django.db import models


class Order(models.Model):
    """An order, which the worker fulfils."""

    item = models.CharField(max_length=100)
    fulfilled = models.BooleanField(default=False)
