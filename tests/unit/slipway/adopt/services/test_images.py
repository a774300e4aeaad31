"""The images of services: the secrets of their builds."""

import ast

from tests.unit.slipway.adopt.conftest import Adopted, lines, main


def test_a_secret_of_a_build_that_is_no_file_is_left_out(adopted: Adopted) -> None:
    program = adopted(
        "services: {web: {build: {context: ., secrets: [token]}}}\n"
        "secrets: {token: {environment: NPM_TOKEN}}\n"
    )
    assert "build_secrets" not in main(program), "the program would read a name that it does not have"
    ast.parse(main(program))
    assert "**left out** | `token` is not in a file" in lines(program, "build.secrets")
    assert "**left out**" in lines(program, ".secrets.token.environment")
