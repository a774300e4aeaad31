"""The pages."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from shop.models import Order
from shop.tasks import fulfil


def healthz(_: HttpRequest) -> HttpResponse:
    """Answer as long as the database does."""
    return HttpResponse(f"{Order.objects.count()} orders\n")


@csrf_exempt
def orders(request: HttpRequest) -> JsonResponse:
    """List the orders, or take one and leave it to the worker."""
    if request.method == "POST":
        order = Order.objects.create(item=request.POST.get("item", "a book"))
        fulfil.delay(order.pk)
    return JsonResponse(list(Order.objects.values()), safe=False)


urlpatterns = [path("healthz", healthz), path("orders", orders), path("admin/", admin.site.urls)]
