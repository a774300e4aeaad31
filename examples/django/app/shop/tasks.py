"""What the worker does."""

from celery import shared_task

from shop.models import Order


@shared_task
def fulfil(order: int) -> None:
    """Fulfil an order."""
    Order.objects.filter(pk=order).update(fulfilled=True)
