"""The Open Inference Protocol over HTTP, version 2, for one model: a WSGI application.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from metrics import Metrics
from model import DATATYPES, BadRequest, Model
from shadow import Shadow

MAX_BODY = 16 * 2**20
"""The bytes of a request."""
JSON = "application/json"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Answer = tuple[HTTPStatus, str, bytes]


class Refused(Exception):
    """A request that cannot be answered."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """The application: one model under its name and version."""

    def __init__(
        self, model: Model, name: str, digest: str, page: bytes | None = None, shadow: str | None = None
    ) -> None:
        """Serve a model; `page` is the HTML document at /, and `shadow` the URL of another model, if any."""
        self._model, self._name, self._page = model, name, page
        self._version = digest.removeprefix("sha256:")[:12]
        self._headers = [("X-Model-Version", self._version), ("X-Model-Digest", digest)]
        self._metrics = Metrics(name, self._version, digest)
        self._shadow = Shadow(shadow, self._metrics) if shadow else None
        self._checked = False

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        start = time.perf_counter()
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        inference = path.endswith("/infer")
        try:
            status, media_type, body = self._answer(method, path, environ)
        except Refused as error:
            status, media_type, body = error.status, JSON, _json({"error": str(error)})
        except Exception:  # the error of a model may be of any class, and a canary has to see it
            traceback.print_exc()
            status, media_type = HTTPStatus.INTERNAL_SERVER_ERROR, JSON
            body = _json({"error": "the request failed; the log of the server has the reason"})
        if inference:
            self._metrics.count(status, time.perf_counter() - start)
        start_response(
            f"{status.value} {status.phrase}",
            [("Content-Type", media_type), ("Content-Length", str(len(body))), *self._headers],
        )
        return [body]

    def _answer(self, method: str, path: str, environ: Environ) -> Answer:
        if path in ("/", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready"):
            _check_method(method, "GET", "HEAD")
            return self._about_the_server(path)
        action = self._action(path)
        if action == "infer":
            _check_method(method, "POST")
            request = _body(environ)
            answer = self._infer(_document(request))
            if self._shadow:
                self._shadow.copy(request, answer["outputs"][0]["data"])
            return HTTPStatus.OK, JSON, _json(answer)
        _check_method(method, "GET", "HEAD")
        if action == "ready":
            return self._ready()
        return HTTPStatus.OK, JSON, _json(self._metadata())

    def _about_the_server(self, path: str) -> Answer:
        if path == "/metrics":
            return HTTPStatus.OK, "text/plain; version=0.0.4", self._metrics.text().encode()
        if path == "/v2/health/live":
            return HTTPStatus.OK, JSON, _json({"live": True})
        if path == "/v2/health/ready":
            return self._ready()
        if path == "/v2":
            about = {"name": "slipway-model-server", "version": "1", "extensions": []}
            return HTTPStatus.OK, JSON, _json(about)
        if self._page is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no page; the model is at /v2/models/{self._name}")
        return HTTPStatus.OK, "text/html; charset=utf-8", self._page

    def _action(self, path: str) -> str:
        """Return what a path below /v2/models asks for: infer, ready, or nothing for the metadata."""
        parts = path.strip("/").split("/")
        if parts[:2] != ["v2", "models"] or len(parts) < 3:
            raise Refused(HTTPStatus.NOT_FOUND, f"{path} is unknown; the model is at /v2/models/{self._name}")
        if parts[2] != self._name:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no model {parts[2]}, but {self._name}")
        rest = parts[3:]
        if rest[:1] == ["versions"] and len(rest) > 1:
            if rest[1] != self._version:
                raise Refused(HTTPStatus.NOT_FOUND, f"there is no version {rest[1]}, but {self._version}")
            rest = rest[2:]
        if rest not in ([], ["infer"], ["ready"]):
            raise Refused(HTTPStatus.NOT_FOUND, f"{path} is unknown; infer and ready are known")
        return rest[0] if rest else ""

    def _ready(self) -> Answer:
        """Answer the sample row of the card; a model that answers it wrongly is not ready."""
        try:
            self._model.check()
        except Exception as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        self._checked = True
        return HTTPStatus.OK, JSON, _json({"name": self._name, "ready": True})

    def _metadata(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "versions": [self._version],
            "platform": "onnx_onnxv1",
            "inputs": self._model.inputs,
            "outputs": self._model.outputs,
        }

    def _infer(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._checked:  # a proxy may ask before it knows whether the server is ready
            self._ready()
        try:
            answers = self._model.answer(self._tensors(request.get("inputs")))
        except BadRequest as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        datatypes = {output["name"]: output["datatype"] for output in self._model.outputs}
        requested = _requested(request.get("outputs"), list(answers))
        for name in requested:
            if answers[name].dtype.kind == "f" and not np.isfinite(answers[name]).all():
                raise Refused(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    f"the answer has no number, or an infinite one, in the output {name}: JSON has neither",
                )
        outputs = [
            {
                "name": name,
                "datatype": datatypes[name],
                "shape": list(answers[name].shape),
                "data": answers[name].ravel().tolist(),
            }
            for name in requested
        ]
        self._metrics.predicted(self._model.bins(answers))
        identity = {"id": request["id"]} if "id" in request else {}
        return {"model_name": self._name, "model_version": self._version, **identity, "outputs": outputs}

    def _tensors(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
            raise BadRequest("the request has no inputs: a list of objects with name, shape, datatype, data")
        by_name = {str(item.get("name")): item for item in given}
        names = [item["name"] for item in self._model.inputs]
        if set(by_name) != set(names) or len(given) != len(names):
            raise BadRequest(f"the inputs are {sorted(by_name)}, but must be {sorted(names)}, each once")
        tensors = {}
        for description in self._model.inputs:
            item = by_name[description["name"]]
            if item.get("datatype") not in DATATYPES or item["datatype"] != description["datatype"]:
                raise BadRequest(
                    f"the datatype of input {description['name']} is {item.get('datatype')},"
                    f" but must be {description['datatype']}"
                )
            shape = item.get("shape")
            if not isinstance(shape, list):
                raise BadRequest(f"input {description['name']} has no shape")
            tensors[description["name"]] = self._model.tensor(description, shape, item.get("data"))
        if len({len(tensor) for tensor in tensors.values()}) > 1:
            raise BadRequest("the inputs have different numbers of rows")
        return tensors


def _check_method(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed[0]}, not {method}")


def _body(environ: Environ) -> bytes:
    """Return the body of a request; Refused if it has more than MAX_BODY bytes, or does not say how many."""
    try:
        size = int(environ.get("CONTENT_LENGTH") or "")
    except ValueError:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length") from None
    if size > MAX_BODY:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request has {size} bytes, but may have {MAX_BODY}"
        )
    body: bytes = environ["wsgi.input"].read(size)
    return body


def _document(body: bytes) -> dict[str, Any]:
    """Return the body of a request as JSON has it; Refused if it is not an object."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the request is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the request is not a JSON object")
    return document


def _requested(given: Any, known: list[str]) -> list[str]:
    """Return the names of the outputs that a request asks for; all if it names none."""
    if not given:
        return known
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Refused(HTTPStatus.BAD_REQUEST, "outputs is not a list of objects with a name")
    names = [str(item.get("name")) for item in given]
    if unknown := sorted(set(names) - set(known)):
        raise Refused(HTTPStatus.BAD_REQUEST, f"there is no output {', '.join(unknown)}, but {known}")
    return names


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def create_app() -> Server:
    """Load the model that the environment names: an error ends the process, and the pod never gets ready."""
    page = os.environ.get("PAGE")
    return Server(
        Model.load(Path(os.environ["MODEL_DIRECTORY"])),
        os.environ["MODEL_NAME"],
        os.environ["MODEL_DIGEST"],
        Path(page).read_bytes() if page else None,
        os.environ.get("SHADOW"),
    )
