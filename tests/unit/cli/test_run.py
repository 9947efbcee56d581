from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.conftest import SOURCE

from tocsin.cli.run import BOOTSTRAP, read_interpreter_words, split_args

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def write(path: Path, source: str) -> str:
    path.write_text(textwrap.dedent(source))
    return str(path)


@pytest.fixture
def same(spawn: Callable[..., Result]) -> Callable[..., Result]:
    """Run a program by Python and by `tocsin run`, and demand that nobody could tell the difference."""

    def same(*args: object, stdin: str = "", **env: str) -> Result:
        plain = spawn(*args, stdin=stdin, **env)
        watched = spawn("-m", "tocsin", "run", *args, stdin=stdin, **env)
        assert watched == plain
        return plain

    return same


# --- as if Python had started it ---


def test_a_program_that_raises_has_pythons_own_traceback_and_exit_code(
    same: Callable[..., Result], place: Path
) -> None:
    result = same(write(place / "app.py", "def f():\n    raise ValueError('broken')\nf()\n"))
    assert result.code == 1
    assert "ValueError: broken" in result.err


def test_a_traceback_that_goes_through_sys_exit_has_no_frame_that_the_program_does_not_have(
    same: Callable[..., Result], place: Path
) -> None:
    script = write(
        place / "app.py",
        """
        import sys, traceback

        def end(*status, **named):
            try:
                sys.exit(*status, **named)
            except (SystemExit, TypeError):
                traceback.print_exc()

        end(), end(3), end("no card"), end(1, 2), end(status=3)
        try:
            sys.exit("no card")
        except SystemExit as error:
            raise ValueError("broken") from error
        """,
    )
    result = same(script)
    assert (result.code, result.err.count("Traceback")) == (1, 7)


def test_the_programs_threads_are_numbered_as_ever_in_their_tracebacks(same: Callable[..., Result]) -> None:
    program = "import threading; one = threading.Thread(target=lambda: 1 / 0); one.start(); one.join()"
    assert "Exception in thread Thread-1 (<lambda>):" in same("-c", program).err


def test_the_exit_code_is_the_programs_own(same: Callable[..., Result], place: Path) -> None:
    assert same(write(place / "app.py", "import sys; sys.exit(3)")).code == 3
    assert same("-c", "import os; os._exit(7)").code == 7
    assert same(place / "missing.py").code == 2


def test_a_program_that_has_started_tocsin_and_never_stops_it_ends_at_once_and_says_nothing(
    spawn: Callable[..., Result],
) -> None:
    code = "import tocsin; tocsin.watch(); tocsin.AlertSystem().start()"
    start_s = time.monotonic()
    assert spawn("-m", "tocsin", "run", "-c", code) == (0, "", "")
    assert time.monotonic() - start_s < 5.0  # two interpreters' starts on a busy machine included


def test_the_programs_arguments_are_handed_over_untouched(same: Callable[..., Result], place: Path) -> None:
    script = write(place / "app.py", "import sys; print(sys.argv, sys.orig_argv[1:] and __name__)")
    result = same(script, "--config", "x", "--name=y", "-h", "--", "--json", "", "ä b")
    assert "'--config', 'x', '--name=y', '-h', '--', '--json', '', 'ä b'" in result.out


def test_a_module_runs_as_python_runs_it(same: Callable[..., Result], place: Path) -> None:
    (place / "pack").mkdir()
    write(place / "pack" / "__init__.py", "")
    write(place / "pack" / "__main__.py", "import sys; print(sys.argv, __spec__.name, __package__)")
    assert "'-x', '--config'" in same("-m", "pack", "-x", "--config", "y").out


def test_main_is_the_program_itself(same: Callable[..., Result], place: Path) -> None:
    names = (
        "print(sorted(name for name in vars(__main__)), __main__.__file__, __main__.__spec__, __main__.__builtins__)"
    )
    assert "__file__" in same(write(place / "app.py", f"import __main__\n{names}\n")).out


def test_path_and_environment_are_as_the_user_set_them(same: Callable[..., Result], place: Path) -> None:
    code = """
        import os, sys, subprocess
        print(sys.path, sys.flags, sorted(os.environ.items()), sep="\\n")
        print(sorted(entry for entry in sys.path_importer_cache if "bootstrap" in entry))
        subprocess.run([sys.executable, "-c", "import sys, os; print(sys.path, os.environ.get('PYTHONPATH'))"])
    """
    script = write(place / "app.py", code)
    assert "bootstrap" not in same(script).out.replace("[]", "")
    same(script, PYTHONPATH=f"{SOURCE}{os.pathsep}{place}")


def test_without_pythonpath_none_is_left_behind(spawn: Callable[..., Result]) -> None:
    code = "import os, tocsin; print(os.environ.get('PYTHONPATH'), 'TOCSIN_RUN_NAME' in os.environ)"
    launcher = f"import os, sys; sys.path.insert(0, {str(SOURCE)!r}); os.environ.pop('PYTHONPATH')\n"
    launcher += f"from tocsin.cli import main; main(['run', '-c', {code!r}])"
    result = spawn("-c", launcher)
    # Found by its own folder alone, Tocsin is not importable for the program, unless it is installed.
    assert "None False" in result.out or "No module named 'tocsin'" in result.err


def test_a_program_reads_its_standard_input(same: Callable[..., Result], place: Path) -> None:
    script = write(place / "app.py", "import sys; print(sys.stdin.read().upper())")
    assert same(script, stdin="hello\n").out == "HELLO\n\n"
    assert same("-", "a", stdin="import sys; print(sys.argv)").out == "['-', 'a']\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import sys; print('mine', __name__, __file__); sys.mark = 1", "mine sitecustomize"),
        ("raise RuntimeError('mine is broken')", "Error in sitecustomize"),
        ("import not_there", "not_there"),
    ],
)
def test_the_users_own_sitecustomize_is_imported_as_ever(
    spawn: Callable[..., Result], place: Path, source: str, told: str
) -> None:
    (place / "site").mkdir()
    write(place / "site" / "sitecustomize.py", source)
    path = f"{place / 'site'}{os.pathsep}{SOURCE}"
    program = "import sys; print(hasattr(sys, 'mark') and (sys.mark, sys.modules['sitecustomize'].__file__))"
    plain = spawn("-c", program, PYTHONPATH=path)
    # -I, so that the command's own interpreter does not import it too.
    launcher = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from tocsin.cli import main; main()"
    assert spawn("-I", "-c", launcher, "run", "-c", program, PYTHONPATH=path) == plain
    assert told in plain.out + plain.err


@posix
def test_a_program_that_forks_is_not_told_off_for_tocsins_threads(same: Callable[..., Result], place: Path) -> None:
    code = """
        import os, sys
        pid = os.fork()
        if pid == 0:
            print("child", flush=True)
            sys.exit(4)
        _, status = os.waitpid(pid, 0)
        print("parent saw", os.waitstatus_to_exitcode(status))
    """
    assert same("-W", "always", write(place / "app.py", code)).out == "child\nparent saw 4\n"


@posix
def test_exactly_one_warning_filter_is_added(spawn: Callable[..., Result]) -> None:
    code = "import warnings; print(len(warnings.filters))"
    plain, watched = (int(spawn(*words, "-c", code).out) for words in ([], ["-m", "tocsin", "run"]))
    assert watched - plain == 1


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_multiprocessing_works_as_ever(same: Callable[..., Result], place: Path, method: str) -> None:
    if method == "fork" and os.name != "posix":
        pytest.skip("POSIX")
    code = f"""
        import multiprocessing as mp
        def double(n):
            return 2 * n
        if __name__ == "__main__":
            with mp.get_context("{method}").Pool(2) as pool:
                print(pool.map(double, range(4)))
    """
    assert same(write(place / "app.py", code)).out == "[0, 2, 4, 6]\n"


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_meets_the_program_itself(place: Path, number: signal.Signals) -> None:
    # A signal that comes just before a call that waits is met once that call is over, so the program waits for input,
    # which ends too.
    script = write(
        place / "app.py", "import os, sys\nprint(os.getpid(), flush=True)\nsys.stdin.read()\nwhile True: pass\n"
    )
    ends = []
    for words in ([script], ["-m", "tocsin", "run", script]):
        program = subprocess.Popen([sys.executable, *words], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
        assert program.stdout is not None
        assert int(program.stdout.readline()) == program.pid
        program.send_signal(number)
        _, err = program.communicate(timeout=60)
        # Where exactly it stood when the signal came is chance; how it ended is not.
        ends.append((program.returncode, err.splitlines()[-1:]))
    told = ["KeyboardInterrupt"] if number == signal.SIGINT else []
    assert ends == [(-number, told), (-number, told)]


@posix
def test_an_interrupt_that_nobody_caught_ends_the_program_by_its_signal_whatever_our_threads_do_meanwhile(
    spawn: Callable[..., Result], place: Path
) -> None:
    # On older interpreters a text that any thread evaluates between the interrupt and the end makes the exit code a 1.
    code = """
        import sys, threading, tocsin
        def channel(alert):
            while not hasattr(sys, "last_type"):
                threading.Event().wait(0.01)
            print("told", eval("1"), flush=True)
        bell = tocsin.AlertSystem(tocsin.AlertConfig(channels=[channel]))
        bell.emit("title", "message")
        {end}
    """
    interrupted = spawn(write(place / "app.py", code.format(end="raise KeyboardInterrupt")))
    assert (interrupted.code, interrupted.out) == (-signal.SIGINT, "told 1\n")
    assert interrupted.err.splitlines()[-1] == "KeyboardInterrupt"
    failed = spawn(write(place / "app.py", code.format(end="raise ValueError")))
    assert (failed.code, failed.out) == (1, "told 1\n")


@posix
@pytest.mark.parametrize(
    ("end", "exit_code"),
    [
        ("import code; code.interact(banner='', exitmsg='')", 0),  # a prompt goes on after an interrupt
        ("sys.last_type = KeyboardInterrupt", 0),
        ("try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    sys.exit(5)", 5),
    ],
)
def test_an_interrupt_that_was_caught_is_not_the_end(
    spawn: Callable[..., Result], place: Path, end: str, exit_code: int
) -> None:
    script = write(place / "app.py", f"import sys, tocsin\ntocsin.AlertSystem()\n{end}\n")
    assert spawn(script, stdin="raise KeyboardInterrupt\n").code == exit_code


# --- and yet it is watched ---


def test_the_program_is_watched_under_its_name_and_answers_status(spawn: Callable[..., Result], place: Path) -> None:
    script = write(place / "orders.py", "print('ready', flush=True); input()")
    words = [sys.executable, "-m", "tocsin", "run", script]
    program = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        status = json.loads(spawn("-m", "tocsin", "status", "--pid", program.pid, "--json").out)
        assert (status["program"], status["pid"]) == ("orders", program.pid)
        assert spawn("-m", "tocsin", "status", "--name", "orders").out.startswith(f"orders (pid {program.pid})")
    finally:
        program.communicate("\n", timeout=60)
    gone = spawn("-m", "tocsin", "status")
    assert (gone.code, gone.out) == (3, "")


def test_the_name_is_the_given_one_or_that_of_the_configuration(spawn: Callable[..., Result], place: Path) -> None:
    ask = "import tocsin.control as c; print([program.name for program in c.list_programs()])"
    assert spawn("-m", "tocsin", "run", "-c", ask).out == "['python']\n"
    (place / "tocsin.toml").write_text('name = "from-file"')
    assert spawn("-m", "tocsin", "run", "-c", ask).out == "['from-file']\n"
    assert spawn("-m", "tocsin", "run", "--name", "given", "-c", ask).out == "['given']\n"


def test_a_wrong_configuration_is_told_before_the_program_starts(spawn: Callable[..., Result], place: Path) -> None:
    (place / "wrong.toml").write_text('cpu_threshold = 0.5\nfoo = 1\n[[rule]]\nname = "x"\n')
    result = spawn("-m", "tocsin", "run", "--config", "wrong.toml", "-c", "print('ran')")
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) >= 3
    assert "Traceback" not in result.err
    assert spawn("-m", "tocsin", "run", "--config", "missing.toml", "-c", "print('ran')").code == 2


def test_switched_off_the_program_runs_without_tocsin(spawn: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text("foo = 1")
    code = "import sys, threading; print('tocsin' in sys.modules, threading.active_count())"
    assert spawn("-m", "tocsin", "run", "-c", code, TOCSIN_DISABLED="1") == (0, "False 1\n", "")


def test_an_interpreter_that_is_told_not_to_listen_runs_the_program_unwatched_and_says_so(
    spawn: Callable[..., Result],
) -> None:
    result = spawn("-m", "tocsin", "run", "-I", "-c", "print('ran')")
    assert (result.code, result.out) == (0, "ran\n")
    assert "python -I ignores what tocsin run adds; the program runs unwatched" in result.err


def test_what_fails_in_the_bootstrap_is_one_line_and_the_program_runs(
    spawn: Callable[..., Result], place: Path
) -> None:
    path = f"{BOOTSTRAP}{os.pathsep}{SOURCE}"
    result = spawn("-c", "print('ran')", PYTHONPATH=path, TOCSIN_RUN_CONFIG=str(place / "vanished.toml"))
    assert (result.code, result.out) == (0, "ran\n")
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("tocsin: not watching this program: ConfigError: ")


# --- reading the command line ---


def test_the_program_sees_nothing_of_what_it_was_asked_about_leaks(spawn: Callable[..., Result]) -> None:
    code = "import os, sys; print([name for name in os.environ if 'TOCSIN_RUN' in name]); sys.exit(5)"
    result = spawn("-m", "tocsin", "run", "--leaks", "-c", code)
    assert (result.code, result.out) == (5, "[]\n")
    assert "looked at" in result.err
    assert "Traceback" not in result.err


def test_own_options_end_at_the_first_foreign_word() -> None:
    assert split_args(["--config", "a", "--name=b", "x.py", "--config", "c"]) == (
        ["--config", "a", "--name=b"],
        ["x.py", "--config", "c"],
    )
    assert split_args(["--", "--config", "x"]) == ([], ["--config", "x"])
    assert split_args(["-u", "--name", "x"]) == ([], ["-u", "--name", "x"])
    assert split_args(["--config"]) == (["--config"], [])
    assert split_args(["--leaks", "x.py", "--leaks"]) == (["--leaks"], ["x.py", "--leaks"])


@pytest.mark.parametrize(
    ("words", "flags", "name"),
    [
        (["app.py", "-I"], "", "app"),
        (["-u", "-X", "dev", "dir/app.py"], "uX", "app"),
        (["-Wignore", "-OO", "app.py"], "WOO", "app"),
        (["-m", "pack.mod", "-E"], "", "pack.mod"),
        (["-um", "mod"], "u", "mod"),
        (["-mmod"], "", "mod"),
        (["-c", "pass"], "", "python"),
        (["-"], "", "python"),
        (["--check-hash-based-pycs=always", "app.py"], "", "app"),
        (["-IB", "app.py"], "IB", "app"),
        (["/srv/shop/__main__.py"], "", "shop"),
        (["shop.pyz"], "", "shop"),
        (["-V"], "V", "python"),
    ],
)
def test_the_interpreters_words_are_read_as_it_reads_them(words: list[str], flags: str, name: str) -> None:
    assert read_interpreter_words(words) == (flags, name)


def test_nothing_to_run_is_a_usage_error(call: Callable[..., Result]) -> None:
    result = call("run")
    assert result.code == 2
    assert "name a program" in result.err
    assert call("run", "--config").code == 2
