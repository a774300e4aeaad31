"""The components in another program: an image from another build, with a Redis."""

import pulumi

from components import EnvVar, Namespace, Redis, WebService

config = pulumi.Config()
shop = Namespace("shop")
carts = Redis("carts", namespace=shop.name, storage="1Gi")
site = WebService(
    "site",
    namespace=shop.name,
    image=config.require("image"),
    env=[*carts.env, EnvVar.value("CURRENCY", "EUR")],
)
pulumi.export("url", site.url)
