"""`python -m benchmarks NAME [--json]`.

A benchmark is a file in this folder with a function `run(args) -> Result`, and, if it takes arguments of its own,
`add_arguments(parser)`. A name that Python reserves has an underscore behind it in the file's name: `import_.py`; a
hyphen in a name is an underscore there.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.report import Result

_NO_BENCHMARKS = {"__init__", "__main__", "report"}


def names() -> dict[str, str]:
    """The benchmarks there are, and their modules."""
    files = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NO_BENCHMARKS)
    found = {stem.rstrip("_").replace("_", "-"): f"benchmarks.{stem}" for stem in files if not stem.startswith("_")}
    return {name: module for name, module in found.items() if "def run(" in _source(module)}


def _source(module: str) -> str:
    return Path(__file__).with_name(module.partition(".")[2] + ".py").read_text("utf-8")


def main() -> int:
    """Run one benchmark; 2 for a name that is not known."""
    known = names()
    first = argparse.ArgumentParser(prog="python -m benchmarks", add_help=False)
    first.add_argument("name", nargs="?", choices=[*known])
    chosen, _rest = first.parse_known_args()
    if chosen.name is None:
        print("python -m benchmarks NAME [--json]; the names are:", ", ".join(known))
        return 0 if {"-h", "--help"} & set(sys.argv) else 2
    module: Any = importlib.import_module(known[chosen.name])
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {chosen.name}", description=module.__doc__)
    parser.add_argument("name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    args = parser.parse_args()
    result: Result = module.run(args)
    print(result.as_json() if args.json else result.as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
