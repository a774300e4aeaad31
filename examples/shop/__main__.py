"""The components in somebody else's program: an image that another build made, with a Redis."""

import pulumi

from components import EnvVar, RedisCache, RestrictedNamespace, WebService

config = pulumi.Config()
shop = RestrictedNamespace("shop")
carts = RedisCache("carts", namespace=shop.name, storage="1Gi")
site = WebService(
    "site",
    namespace=shop.name,
    image=config.require("image"),
    env=[*carts.env, EnvVar(name="CURRENCY", value="EUR")],
)
pulumi.export("url", site.url)
