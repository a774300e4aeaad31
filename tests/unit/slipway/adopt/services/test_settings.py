"""The settings of a stack, for the secrets of several services."""

from tests.unit.slipway.adopt.conftest import Adopted, lines, main


def test_secrets_of_any_names_have_keys_of_their_own(adopted: Adopted) -> None:
    program = adopted(
        "services:\n"
        "  web: {build: ., environment: {SECRET_KEY: a}}\n"
        "  other: {build: ., environment: {API_SECRET_KEY: b}}\n"
        "  api: {build: ., environment: {SECRET_KEY: c}}\n"
    )
    assert program.translation.settings.secret == {
        "secretKey": "a",
        "apiSecretKey": "b",
        "apiSecretKey2": "c",
    }
    assert '"api.SECRET_KEY": config.require_secret("apiSecretKey2")' in main(program)
    assert "apiSecretKey2" in lines(program, ".services.api.environment.SECRET_KEY")
