"""Code for what was imported: in the form of the official generator, and never other than what was meant."""

import ast
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.language_python.generate.code import program
from sandbox.plugins.language_python.generate.pcl import PclError
from sandbox.plugins.language_python.host import LanguageHost
from sandbox.plugins.language_python.processes import Processes
from sandbox.plugins.protocol import language_pb2

PCL = r"""
package "kubernetes" {
    baseProviderName = "kubernetes"
    baseProviderVersion = "4.32.0"
}

resource "web-site" "kubernetes:core/v1:Service" {
    metadata ={
        labels ={
            "app.kubernetes.io/name" = "web",
            "type" = "ClusterIP"},
        namespace = space.id
    }
    spec ={
        clusterIPs = ["10.0.0.1"],
        ports = [
            {
            port = 80,
            targetPort = "http"},
            {
            port = 81}],
        publishNotReadyAddresses = true,
        selector ={},
        type = "ClusterIP"}

    options {
        parent = theParent
        protect = true
    }
}
resource "space" "kubernetes:core/v1:Namespace" {
    __logicalName = "spa.ce"
    kind = "Namespace"
}
resource "class" "kubernetes:networking.k8s.io/v1:NetworkPolicy" {
    spec ={ ingress =[{ from =[] }] }
}
resource "kubernetes" "kubernetes:core/v1:ConfigMap" {
    data ={ "lines" = "a\nb \"c\"\n$${d}\u0007" }
}
component "theComponent" {
    token = "my:own:Component"
    options {
        protect = true
    }
}
"""
# As the official generator writes it.
PYTHON = r'''
import pulumi
import pulumi_kubernetes as kubernetes

space = kubernetes.core.v1.Namespace("spa.ce",
    kind="Namespace")
web_site = kubernetes.core.v1.Service("web-site",
    metadata={
        "labels": {
            "app.kubernetes.io/name": "web",
            "type": "ClusterIP",
        },
        "namespace": space.id,
    },
    spec={
        "cluster_ips": ["10.0.0.1"],
        "ports": [
            {
                "port": 80,
                "target_port": "http",
            },
            {
                "port": 81,
            },
        ],
        "publish_not_ready_addresses": True,
        "selector": {},
        "type": kubernetes.core.v1.ServiceSpecType.CLUSTER_IP,
    },
    opts = pulumi.ResourceOptions(parent=the_parent,
        protect=True))
class_ = kubernetes.networking.v1.NetworkPolicy("class",
    spec={
        "ingress": [{
            "from_": [],
        }],
    })
kubernetes_1 = kubernetes.core.v1.ConfigMap("kubernetes",
    data={
        "lines": """a
b "c"
${d}\x07""",
    })
the_component = pulumi.ComponentResource("my:own:Component", "theComponent", opts = pulumi.ResourceOptions(protect=True))
'''  # noqa: E501 - the generator knows no limit

ESCAPES = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def quoted(text: str) -> str:
    """The text in PCL, as the engine writes it."""

    def one(char: str) -> str:
        if char < " " or char == "\x7f":
            return f"\\u{ord(char):04x}"
        return f"\\U{ord(char):08x}" if char > "\uffff" else char

    escaped = "".join(ESCAPES.get(char) or one(char) for char in text)
    return f'"{escaped.replace("${", "$${").replace("%{", "%%{")}"'


def resource(body: str) -> str:
    return f'resource "n" "kubernetes:core/v1:ConfigMap" {{\n{body}\n}}\n'


def value_of(pcl: str) -> object:
    """The value that a value in PCL has in the program."""
    statement = ast.parse(program(resource(f"data = {pcl}"))).body[-1]
    assert isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
    return ast.literal_eval(statement.value.keywords[0].value)


def test_the_code_is_what_the_official_generator_writes() -> None:
    assert program(PCL) == PYTHON.lstrip()


@given(st.text(st.sampled_from("ab\n\"\\$%{}\r\t\x07\x7f\xa0é☃\U0001f600'")) | st.text())
def test_a_text_stays_what_it_is(text: str) -> None:
    assert value_of(quoted(text)) == text
    assert value_of(f'{{ {quoted(text)} = [{quoted(text)}, ""] }}') == {text: [text, ""]}


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_what_it_is(number: float) -> None:
    found = value_of(repr(number))
    assert isinstance(found, int | float) and type(number)(found) == number
    assert isinstance(found, int) == (number == int(number) and -(2**63) <= number < 2**63)


def test_numbers_in_definitions_are_converted_as_the_official_generator_does() -> None:
    minimum = '{ "minimum" = 2, "maxLength" = 3 }'
    number = "{ minimum = -1, maximum = 1.5, default = 2, enum = [3], anyOf = [{ multipleOf = 4 }] }"
    schema = (
        f"{{ properties = {{ minimum = {number} }}, additionalProperties = {minimum}, items = {minimum} }}"
    )
    definition = f"{{ versions = [{{ name = 5, schema = {{ openAPIV3Schema = {schema} }} }}] }}"
    kind = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    code = "".join(program(f'resource "n" "{kind}" {{\nspec = {definition}\n}}\n').split())
    assert '"minimum":{"minimum":float(-1),"maximum":1.5,"default":2,"enum":[3],' in code
    assert '"any_of":[{"multiple_of":float(4),}],' in code
    # The official generator writes max_length, which no SDK translates back: the values are of no one type.
    assert '"additional_properties":{"minimum":float(2),"maxLength":3,}' in code
    assert '"items":{"minimum":2,"maxLength":3,}' in code
    assert '"name":5' in code


@pytest.mark.parametrize(
    ("pcl", "python"), [("0.5", "0.5"), ("1234567.5", "1.2345675e+06"), ("1e-7", "1e-07"), ("80.0", "80")]
)
def test_numbers_have_the_form_that_the_official_generator_gives_them(pcl: str, python: str) -> None:
    assert f"data={python})" in program(resource(f"data = {pcl}"))


@pytest.mark.parametrize(
    "pcl",
    [
        'resource "n" "docker:index/container:Container" {\n}',
        'resource "n" "pulumi:providers:kubernetes" {\n}',
        'package "random" {\n}',
        'resource "n" "kubernetes:core/v1:ConfigMap" {',
        'package "kubernetes" {\n parameterization {\n }\n}',
        'config "n" "string" {\n}',
        'component "n" {\n token = "a:b:C"\n size = 1\n}',
        'component "n" "./source" {\n}',
        "local = 1",
        *map(
            resource,
            [
                'data = "${other.id}"',
                'data = "%{if true}%{endif}"',
                r'data = "\x41"',
                r'data = "\ud800"',
                'data = fileAsset("x")',
                "data = a[0]",
                "data = other.id",
                "data = n.id",
                "data = n",
                "data = a.b.c",
                "data = 1 + 1",
                "data = !true",
                "data = <<END\nEND",
                "data = { a = 1 b = 2 }",
                "data = [1 2]",
                'data = "a',
                "options {\n ignoreChanges = []\n}",
                "options {\n range = 2\n}",
                "lifecycle {\n}",
                'data = "a"\n}\n}',
            ],
        ),
    ],
)
def test_what_is_not_known_is_refused(pcl: str) -> None:
    with pytest.raises(PclError):
        program(pcl)


def test_the_user_is_told_what_is_not_known_and_how_to_do_without() -> None:
    pcl = 'resource "n" "docker:index/container:Container" {\n}'
    context = Mock()
    with pytest.raises(Exception, match="docker:index/container:Container"):
        LanguageHost("", "", Processes()).GenerateProgram(
            language_pb2.GenerateProgramRequest(source={"anonymous.pp": pcl}), context
        )
    (_, told), _ = context.abort.call_args
    assert "resources of type docker:index/container:Container are not known" in told
    assert "--generate-code=false" in told
