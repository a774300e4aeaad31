"""Run a Pulumi program: the child process of the language host, in the project's own virtualenv.

The host passes this file to `python -`. It relies only on the Pulumi SDK that the project has installed, of
any version.
"""

import argparse
import asyncio
import inspect
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType

if sys.path[0] == "":
    sys.path.pop(0)  # the directory at the start: the project's own follows when its program is run

try:
    import pulumi
    import pulumi.runtime
except ImportError:
    traceback.print_exc()
    sys.exit(
        "\nIt looks like the Pulumi SDK has not been installed. Have you run pip install?\n"
        "If you are running in a virtualenv, you must run pip install -r requirements.txt from inside the "
        "virtualenv."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Execute a Pulumi Python program")
    for name in ("monitor", "engine", "project", "stack", "organization", "root_directory", "pwd", "tracing"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--dry_run", type=lambda text: text == "true")
    parser.add_argument("--parallel", type=int)
    parser.add_argument(
        "--reported_exit_code", type=int, help="the exit code after an error that is already reported"
    )
    parser.add_argument("PROGRAM")
    parser.add_argument("ARGS", nargs="*")
    return parser.parse_args()


def _configure(options: argparse.Namespace) -> None:
    runtime = pulumi.runtime
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    understood = inspect.signature(runtime.Settings.__init__).parameters
    runtime.configure(runtime.Settings(**{k: v for k, v in vars(options).items() if k in understood}))


def _run(program: Path, reported_exit_code: int) -> None:
    try:
        runpy.run_path(str(program), run_name="__main__")
    except ImportError as error:
        # Raised by runpy itself, not by anything that the program imports.
        if {*_files(error.__traceback__)} <= {_run.__code__.co_filename, runpy.__file__, "<frozen runpy>"}:
            pulumi.log.error(f"unable to find main python program `__main__.py` in `{program.resolve()}`")
            sys.exit(reported_exit_code)
        raise


def _files(trace: TracebackType | None) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(trace)]


def _user_traceback(main: Path, error: Exception) -> str:
    """The traceback from the program's own file downwards; all of it where that file has no part in it."""
    files = [Path(name).resolve() for name in _files(error.__traceback__)]
    return traceback.format_exc(limit=files.index(main) - len(files) if main in files else None)


def main() -> int:
    """Run the program and return the process's exit code."""
    options = _arguments()
    _configure(options)
    sys.argv = [options.PROGRAM, *options.ARGS]
    if options.pwd:
        os.chdir(options.pwd)
    program = Path(options.PROGRAM)
    main_file = (program / "__main__.py" if program.is_dir() else program).resolve()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(options.parallel, 1) * 4)
    loop.set_default_executor(executor)
    # A failed program leaves futures that nobody awaits; the failure itself is reported.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(
            pulumi.runtime.run_in_stack(partial(_run, program, options.reported_exit_code))
        )
        return 0
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:
        trace = _user_traceback(main_file, error)
        pulumi.log.error(f"Program failed with an unhandled exception:\n{trace}")
        return int(options.reported_exit_code)
    except KeyboardInterrupt:
        # The user, or the engine after a failure, interrupts the program. Its own output about that is noise.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        os._exit(128 + signal.SIGINT)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # An interrupt while the threads end, as after a failed rollout, needs no traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        executor.shutdown(wait=True)
        loop.close()


if __name__ == "__main__":
    sys.exit(main())
