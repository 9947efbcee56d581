"""The long runs: `python -m tests.crash kill9 --n 1000`, `… powercut --n 2000`, `… syscalls --n 200`."""

from __future__ import annotations

import argparse
import json
import sys

from tests.crash import kill9, powercut, syscalls
from tests.crash.programs import NoShim


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("name", choices=["kill9", "kill9-system", "powercut", "syscalls"])
    parser.add_argument("--n", type=int, default=100, help="how often (100)")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance (1)")
    parser.add_argument("--group", type=int, default=1, help="powercut: alerts in a commit (1)")
    parser.add_argument("--synchronous", default="FULL", help="powercut: NORMAL is the mutant that loses")
    args = parser.parse_args()
    try:
        if args.name == "kill9":
            found = kill9.run(args.n, args.seed)
        elif args.name == "kill9-system":
            found = kill9.run_system(args.n, args.seed)
        elif args.name == "powercut":
            found = powercut.run(args.n, args.seed, synchronous=args.synchronous, group=args.group)
        else:
            found = syscalls.run(args.n)
    except NoShim as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    print(json.dumps({"name": args.name} | found))
    bad = ("lost", "cuts_that_lost", "raised", "unfinished", "untold", "too_many")
    return 1 if any(found.get(word) for word in bad) else 0


if __name__ == "__main__":
    sys.exit(main())
