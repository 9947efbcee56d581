#!/bin/sh
# Says what is missing before anything is built: preflight.sh [PYTHON]
#
# What Tocsin cannot do without ends the run with the command that mends it; what it can do without is named together
# with what is lost. Everything is looked at before the first word, so nobody mends one thing only to meet the next.
set -u

python=${1:-${PYTHON:-python3}}
stops=0

stop() { printf 'preflight: MISSING: %s\n           To mend it: %s\n' "$1" "$2" >&2; stops=$((stops + 1)); }
lost() { printf 'preflight: going on without %s\n           Lost: %s\n           To mend it: %s\n' "$1" "$2" "$3" >&2; }

# The Debian package of a part of this interpreter: python3-venv for python3, python3.12-venv for python3.12.
package() {
    case ${python##*/} in
        python3.[0-9]*) printf 'apt install python%s-%s' "$version" "$1" ;;
        *) printf 'apt install python3-%s' "$1" ;;
    esac
}

if ! command -v "$python" >/dev/null 2>&1; then
    stop "the interpreter '$python'" "apt install python3 python3-venv python3-dev, or name another: PYTHON=python3.12 make …"
    exit 1
fi

# One start of the interpreter answers all questions. It must parse under any Python, however old.
answers=$("$python" -c '
import os, sys
print("version=%d.%d" % sys.version_info[:2])
print("new_enough=%d" % (sys.version_info[:2] >= (3, 11)))
def has(name):
    try:
        __import__(name)
    except ImportError:
        return 0
    return 1
for name in ("venv", "ensurepip", "ssl", "sqlite3"):
    print("%s=%d" % (name, has(name)))
import sysconfig
print("headers=%d" % os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
' 2>&1) || {
    stop "'$python' is there but does not run: $answers" "apt install python3 python3-venv python3-dev, or name another: PYTHON=python3.12 make …"
    exit 1
}

version='' new_enough=0 venv=0 ensurepip=0 ssl=0 sqlite3=0 headers=0
for answer in $answers; do
    case $answer in
        version=*) version=${answer#*=} ;;
        new_enough=1) new_enough=1 ;;
        venv=1) venv=1 ;;
        ensurepip=1) ensurepip=1 ;;
        ssl=1) ssl=1 ;;
        sqlite3=1) sqlite3=1 ;;
        headers=1) headers=1 ;;
    esac
done

if [ "$new_enough" = 0 ]; then
    stop "Python 3.11 or newer; '$python' is Python $version" \
        "apt install python3.11 python3.11-venv python3.11-dev, then PYTHON=python3.11 make …"
    exit 1  # the other answers would be about an interpreter that is of no use
fi

[ "$venv$ensurepip" = 11 ] || stop "venv and ensurepip, with which '$python' makes environments" "$(package venv)"
[ "$ssl" = 1 ] || stop "the ssl module, without which pip can fetch nothing" \
    "apt install libssl-dev, then build '$python' again"

[ "$sqlite3" = 1 ] || lost "the sqlite3 module of '$python'" \
    "the journal: alerts, silences and acknowledgements are kept in memory only" \
    "apt install libsqlite3-dev, then build '$python' again"
[ "$headers" = 1 ] || lost "the headers of '$python' (Python.h)" \
    "the native heap profiler, which names the lines that leak" "$(package dev)"

compiler=''
for candidate in "${CC:-cc}" gcc clang; do
    # CC may carry options: "gcc -m64".
    if command -v "${candidate%% *}" >/dev/null 2>&1; then compiler=${candidate%% *}; break; fi
done
[ -n "$compiler" ] || lost "a C compiler" \
    "the native heap profiler, which names the lines that leak" "apt install gcc libc6-dev"

[ "$stops" = 0 ] || exit 1
echo "preflight: Python $version is fit"
