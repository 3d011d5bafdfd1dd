"""A process of its own that holds Wasmtime: `compile SOURCE COMPILED`, and `run` an order.

Started by its path, so that it knows nothing of Turnout. The guest is given no folder, no variable
and no socket: WASI has nothing that was not handed in. Ends with 0 where the guest did.
"""

import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import wasmtime

FUEL: Final = 6_000_000_000  # instructions of WebAssembly; some two seconds, a third for the start
MOST_MEMORY: Final = 1 << 29  # bytes, of the guest
MOST_OUTPUT: Final = 1 << 20  # bytes
CPU_SECONDS: Final = 25  # of this process, should fuel not be enough


def engine() -> wasmtime.Engine:
    """Instructions are counted, and compiled quickly rather than well."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.cranelift_opt_level = "none"
    return wasmtime.Engine(config)


def compile_file(source: str, compiled: str) -> int:
    """Compile a module into a file that `run` loads in milliseconds."""
    Path(compiled).write_bytes(wasmtime.Module.from_file(engine(), source).serialize())
    return 0


def run(compiled: str, program: str, stdin: str, output: str) -> int:
    """Run the program in the file; the exit code that it ended with, 1 for a trap."""
    _limit()
    made = engine()
    store, linker = wasmtime.Store(made), wasmtime.Linker(made)
    store.set_fuel(FUEL)
    store.set_limits(memory_size=MOST_MEMORY, instances=1, memories=1)
    linker.define_wasi()
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["python", "-I", "-S", "-B", "-c", Path(program).read_text("utf-8")]
    wasi.stdin_file, wasi.stdout_file = stdin, output
    store.set_wasi(wasi)
    instance = linker.instantiate(store, wasmtime.Module.deserialize_file(made, compiled))
    start: Any = instance.exports(store)["_start"]
    try:
        start(store)
    except wasmtime.ExitTrap as ended:
        return ended.code
    except (wasmtime.Trap, wasmtime.WasmtimeError):
        return 1
    return 0


def _limit() -> None:
    """What the system holds this process to. Python ignores SIGXFSZ: the guest sees errors."""
    for what, most in (
        (resource.RLIMIT_FSIZE, MOST_OUTPUT),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


_TASKS: Final[Mapping[str, Callable[..., int]]] = {"compile": compile_file, "run": run}

if __name__ == "__main__":
    sys.exit(_TASKS[sys.argv[1]](*sys.argv[2:]))
