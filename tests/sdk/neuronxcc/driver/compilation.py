"""`neuronx-cc compile`: one graph in, one NEFF out, in the order the real compiler does it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass

from neuronxcc import __version__, neff, wrapped
from neuronxcc.driver import effective
from neuronxcc.driver.arguments import Request
from neuronxcc.driver.report import Report
from neuronxcc.driver.switches import Switches, append_line, die
from neuronxcc.errors import CompileError, UsageError
from neuronxcc.graph.load import Source, load
from neuronxcc.graph.lower import Lowered, lower, pretend

FAILED = 70


@dataclass(frozen=True)
class Job:
    """Everything one compile works with."""

    request: Request
    switches: Switches
    flags: dict[str, object]
    environment: dict[str, str]  # as it was before the compile: XLA must not see XLA_FLAGS
    report: Report
    folder: str  # the temp dir

    @property
    def output(self) -> str:
        return self.request.text("output", "file.neff")

    @property
    def wants_wrapper(self) -> bool:
        return self.request.has("enable-internal-neff-wrapper")


def run(request: Request, switches: Switches) -> int:
    """Compile and return the exit status."""
    if len(request.inputs) != 1:
        raise UsageError(f"one model file is needed, not {len(request.inputs)}")
    if switches.count:
        append_line(switches.count, {"input": request.inputs[0], "output": request.text("output")})
    try:
        report = Report(request.text("logfile", "log-neuron-cc.txt"))
        folder = _temporary(request.text("temp-dir") or os.getcwd())
    except OSError as failed:
        print(f"[NCC_EUOC001] {failed}", file=sys.stderr)
        return FAILED
    flags, environment = effective.flags(request, os.environ), effective.environment(os.environ)
    job = Job(request, switches, flags, environment, report, folder)
    report.log("INFO", f"NeuronX Compiler version {__version__}; {' '.join(request.argv)}")
    try:
        return _guarded(job)
    finally:
        if "SaveTemps" not in request.text("pipeline"):
            shutil.rmtree(folder, ignore_errors=True)


def _temporary(parent: str) -> str:
    # not tempfile, which costs more to import than a pretended compile
    folder = os.path.join(parent, f"neuronxcc-{os.urandom(6).hex()}")
    os.mkdir(folder, 0o700)
    return folder


def _guarded(job: Job) -> int:
    job.report.dot()
    try:
        job.switches.before()
        if not job.switches.no_neff and _makes_neff(job.request):
            _compile(job)
    except SystemExit as left:
        job.report.failed(f"[NCC_ESTANDIN] status {left.code} (SDKSTANDIN_FAIL)")
        return left.code if isinstance(left.code, int) else 1
    except CompileError as failed:
        job.report.failed(str(failed))
        return FAILED
    except OSError as failed:
        job.report.failed(f"[NCC_EUOC001] {failed}")
        return FAILED
    except (LookupError, ValueError) as failed:  # a graph we do not understand
        job.report.failed(f"[NCC_EINT002] {type(failed).__name__}: {failed}")
        return FAILED
    job.report.passed()
    return 0


def _makes_neff(request: Request) -> bool:
    passes = request.options.get("pipeline", ["compile"])
    return isinstance(passes, list) and "compile" in passes


def _compile(job: Job) -> None:
    source = load(job.request.inputs[0])
    if job.switches.fake:
        lowered = pretend(source, job.wants_wrapper)
    else:
        lowered = lower(source, job.flags)
    job.report.dot()
    built = os.path.join(job.folder, "file.neff")
    packed = not job.request.has("enable-fast-loading-neuron-binaries")
    neff.write(built, _info(job, source, lowered), lowered.executable, _padding(job), packed)
    _deliver(job, built)
    if job.wants_wrapper:
        _wrap(job, built, lowered)


def _padding(job: Job) -> int:
    return job.switches.neff_mb << 20


def _info(job: Job, source: Source, lowered: Lowered) -> dict[str, object]:
    made = {
        "name": source.name,
        "version": "2.0",
        "compiler": __version__,
        "effective_flags": job.flags,
        "environment": job.environment,
        "graph_sha256": source.digest,
        "kernel_sha256": [kernel.digest for kernel in lowered.kernels],
        "optimized_hlo_sha256": lowered.optimized_sha256,
        "inputs": [shape.describe() for shape in lowered.inputs],
        "outputs": [shape.describe() for shape in lowered.outputs],
        "fake": job.switches.fake,
    }
    if job.switches.salt:  # as if the compiler had not made the same program again
        salted = f"{lowered.optimized_sha256} {job.switches.salt}"
        made["optimized_hlo_sha256"] = hashlib.sha256(salted.encode()).hexdigest()
    return made


def _deliver(job: Job, built: str) -> None:
    """Write the result where it is wanted, naively: opened for write, overwritten in place."""
    fail = job.switches.fail
    with open(job.output, "wb") as file:
        if fail == "garbage":
            file.write(os.urandom(4096))
        elif fail == "truncated" or fail.startswith("mid-sig"):
            neff.copy(built, file, os.path.getsize(built) // 2)
            file.flush()
        else:
            neff.copy(built, file)
        if fail.startswith("mid-sig"):
            die(int(fail[7:]))


def _wrap(job: Job, built: str, lowered: Lowered) -> None:
    if job.switches.wrapped == "none":
        return
    if job.switches.wrapped == "foreign":  # a wrapper that does not hold this NEFF's bytes
        with open(built, "r+b") as file:
            file.seek(0xCC)
            file.write(os.urandom(16))
    wrapped.write("wrapped_neff.hlo", built, lowered.inputs, lowered.outputs)
