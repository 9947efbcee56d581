"""`scripts/preflight.sh` says what is missing, what is lost without it and how to mend it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).parents[2] / "scripts" / "preflight.sh"
SH = shutil.which("sh")

pytestmark = pytest.mark.skipif(SH is None, reason="there is no POSIX shell here")


class Machine:
    """A machine that has nothing on its path but what it is given."""

    def __init__(self, root: Path) -> None:
        self.path = root / "bin"
        self.quirks = root / "quirks"
        self.path.mkdir()
        self.quirks.mkdir()

    def has_python(self, name: str = "python3", *, but: str = "") -> None:
        """Put the real interpreter there; `but` is Python that spoils it as it starts."""
        (self.quirks / "sitecustomize.py").write_text(but, encoding="utf-8")
        self.has_program(name, f'PYTHONPATH="{self.quirks}" exec "{sys.executable}" "$@"')

    def has_program(self, name: str, body: str = "exit 0") -> None:
        program = self.path / name
        program.write_text(f"#!{SH}\n{body}\n", encoding="utf-8")
        program.chmod(0o755)

    def preflight(self, python: str = "python3", **variables: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(SH), str(PREFLIGHT), python],
            env={"PATH": str(self.path), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


HEADERS_THERE = "import sysconfig; sysconfig.get_path = lambda name: {path!r}"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def headers(tmp_path: Path) -> str:
    """A quirk that gives the interpreter its headers, whether or not this machine has them."""
    (tmp_path / "Python.h").touch()
    return HEADERS_THERE.format(path=str(tmp_path))


def test_a_machine_that_has_everything_is_fit(machine: Machine, headers: str) -> None:
    machine.has_python(but=headers)
    machine.has_program("cc")
    code, said = machine.preflight()
    assert (code, said) == (0, f"preflight: Python {sys.version_info[0]}.{sys.version_info[1]} is fit\n")


def test_without_an_interpreter_it_stops_and_names_the_packages(machine: Machine) -> None:
    code, said = machine.preflight()
    assert code == 1
    assert "MISSING: the interpreter 'python3'" in said
    assert "apt install python3 python3-venv" in said


def test_an_interpreter_that_only_complains_is_not_taken_for_one(machine: Machine) -> None:
    machine.has_program("python3.12", "echo 'version 3.12 is not active' >&2; exit 127")
    code, said = machine.preflight("python3.12")
    assert code == 1
    assert "'python3.12' is there but does not run: version 3.12 is not active" in said


def test_an_old_interpreter_stops_with_its_version_and_the_way_to_a_newer_one(machine: Machine) -> None:
    machine.has_python(but="import sys; sys.version_info = (3, 10, 4)")
    code, said = machine.preflight()
    assert code == 1
    assert "Python 3.11 or newer; 'python3' is Python 3.10" in said
    assert "apt install python3.11" in said


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_without_venv_it_stops_and_names_the_package(machine: Machine, headers: str, module: str) -> None:
    machine.has_python(but=f"{headers}\nimport sys; sys.modules[{module!r}] = None")
    machine.has_program("cc")
    code, said = machine.preflight()
    assert code == 1
    assert "MISSING: venv and ensurepip" in said
    assert "apt install python3-venv" in said


def test_the_package_of_a_numbered_interpreter_bears_its_number(machine: Machine) -> None:
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    machine.has_python(name, but="import sys; sys.modules['ensurepip'] = None")
    assert f"apt install {name}-venv" in machine.preflight(name)[1]


def test_without_ssl_it_stops_because_pip_could_fetch_nothing(machine: Machine) -> None:
    machine.has_python(but="import sys; sys.modules['ssl'] = None")
    code, said = machine.preflight()
    assert code == 1
    assert "the ssl module" in said


def test_without_sqlite_it_goes_on_and_says_that_the_journal_is_lost(machine: Machine) -> None:
    machine.has_python(but="import sys; sys.modules['sqlite3'] = None")
    code, said = machine.preflight()
    assert code == 0
    assert "Lost: the journal" in said


def test_without_headers_it_goes_on_and_says_that_the_heap_profiler_is_lost(machine: Machine) -> None:
    machine.has_python(but=HEADERS_THERE.format(path="/nowhere"))
    machine.has_program("cc")
    code, said = machine.preflight()
    assert code == 0
    assert "(Python.h)" in said
    assert "Lost: the native heap profiler, which names the lines that leak" in said
    assert "apt install python3-dev" in said


def test_without_a_compiler_it_goes_on_and_says_that_the_heap_profiler_is_lost(machine: Machine, headers: str) -> None:
    machine.has_python(but=headers)
    code, said = machine.preflight()
    assert code == 0
    assert "going on without a C compiler" in said
    assert "Lost: the native heap profiler" in said
    assert "apt install gcc" in said


@pytest.mark.parametrize("compiler", ["cc", "gcc", "clang"])
def test_any_of_the_usual_compilers_will_do(machine: Machine, headers: str, compiler: str) -> None:
    machine.has_python(but=headers)
    machine.has_program(compiler)
    assert "compiler" not in machine.preflight()[1]


def test_a_compiler_named_by_cc_with_options_will_do(machine: Machine, headers: str) -> None:
    machine.has_python(but=headers)
    machine.has_program("my-cc")
    assert "compiler" not in machine.preflight(CC="my-cc -m64")[1]


def test_everything_that_is_missing_is_said_at_once(machine: Machine) -> None:
    spoiled = "import sys; sys.modules.update({'ensurepip': None, 'ssl': None, 'sqlite3': None})"
    machine.has_python(but=spoiled)
    said = machine.preflight()[1]
    assert [word for word in ("ensurepip", "ssl", "sqlite3", "compiler") if word not in said] == []
