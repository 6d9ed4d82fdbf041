"""The list of commands: `nox -l` names them, `nox -s NAME` runs one in an environment of its own."""

import os

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13"]
#: backend -> the suite's variants of it
VARIANTS = {
    "numpy": ["numpy", "numpy-readonly"],
    "strict": ["strict-device1", "strict-nofloat64", "strictest"],
    "torch": ["torch"],
    "jax": ["jax"],
    "cupy": ["cupy"],
}


def run_suite(session, backend, extras):
    """All tests on NumPy; on the others those that run on a backend. PyTorch adds the parity tests."""
    session.install("-e", f".[{extras}]")
    flags = [flag for variant in VARIANTS[backend] for flag in ("--backend", variant)]
    if backend != "numpy":
        flags += ["-m", "backend or parity"]
    session.run("pytest", *flags, *session.posargs)


@nox.session(tags=["check"])
def lint(session):
    """Style, and the Array API rules of the portable modules."""
    session.install("-e", ".[lint,test-base]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("pytest", "-q", "tests/test_array_api_lint.py")


@nox.session(tags=["check"])
def types(session):
    """mypy --strict over genoml and the backends."""
    session.install("-e", ".[lint]")
    session.run("mypy")


@nox.session(tags=["check"])
@nox.parametrize("backend", [nox.param(name, id=name) for name in ("numpy", "strict", "torch", "jax")])
def tests(session, backend):
    """The suite on one CPU backend; `torch` also compares with PyTorch's autograd."""
    run_suite(session, backend, "test" if backend == "torch" else "test-base")


@nox.session(name="tests(cupy)")
def tests_cupy(session):
    """The suite on a CUDA GPU, fails where there is none; GENOML_CUDA=13 for CUDA 13."""
    run_suite(session, "cupy", f"test-base,cuda{os.environ.get('GENOML_CUDA', '12')}")


@nox.session(python=PYTHONS, name="pythons")
def pythons(session):
    """The NumPy and array-api-strict variants on every supported Python."""
    session.install("-e", ".[test-base]")
    session.run("pytest", "--backend", "numpy", "--backend", "strict-device1", *session.posargs)


@nox.session
def demo(session):
    """The main job, as a user runs it."""
    session.install(".[report]")
    session.run("genoml", "demo", "--out", f"{session.create_tmp()}/demo", *session.posargs)


@nox.session
def bench(session):
    """Import time and installed size."""
    session.install("-e", ".")
    session.run("python", "benchmarks/install.py", "--fresh", *session.posargs)


@nox.session
def build(session):
    """Wheel and source distribution."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", "dist")
