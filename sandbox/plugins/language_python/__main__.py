"""`pulumi-language-python [--tracing ENDPOINT] [ENGINE]`: print a port and serve the engine on it.

SIGINT ends the host and what it runs; so does an engine that no longer answers.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

import grpc

from sandbox.plugins.language_python.host import LanguageHost
from sandbox.plugins.language_python.interrupts import Interrupts
from sandbox.plugins.language_python.processes import Processes
from sandbox.plugins.language_python.streams import LIMITS
from sandbox.plugins.protocol import language_pb2_grpc, sdk_version

# Seconds that the host may outlive an engine that was killed, and a program its host.
HEALTH = 300.0
GRACE = 0.5


def main() -> None:
    """Serve until the engine ends the host."""
    parser = argparse.ArgumentParser(prog="pulumi-language-python")
    parser.add_argument("-tracing", "--tracing", default="")
    parser.add_argument("-version", "--version", action="version", version=str(sdk_version))
    parser.add_argument("engine", nargs="?", default="")
    options = parser.parse_args()
    processes = Processes()
    server = grpc.server(ThreadPoolExecutor(max_workers=32), options=LIMITS)
    host = LanguageHost(options.engine, options.tracing, processes)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    interrupts = Interrupts()
    server.start()
    print(port, flush=True)
    while not interrupts.wait(HEALTH):
        if options.engine and not _alive(options.engine):
            break
    processes.interrupt(GRACE)
    server.stop(GRACE).wait()


def _alive(engine: str) -> bool:
    with grpc.insecure_channel(engine) as channel:
        try:
            check: grpc.UnaryUnaryMultiCallable[bytes, bytes]
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            check(b"", timeout=10)
        except grpc.RpcError as error:
            return bool(error.code() == grpc.StatusCode.UNIMPLEMENTED)
    return True


if __name__ == "__main__":
    main()
