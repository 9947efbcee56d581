#!/bin/sh
# Runs the stress of the heap profiler under valgrind: heap_valgrind.sh [PYTHON] [TOGGLES]
#
# Once over malloc, where valgrind sees each block, and once over pymalloc. What counts is what has our library in its
# stack; the interpreter has a few reports of its own.
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
toggles=${2:-20}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

command -v valgrind >/dev/null 2>&1 || { echo "heap_valgrind: valgrind is missing: apt install valgrind" >&2; exit 2; }

for allocator in malloc pymalloc; do
    if ! PYTHONMALLOC=$allocator valgrind --quiet --num-callers=30 --log-file="$logs/$allocator" --child-silent-after-fork=yes \
        "$python" -W ignore tests/unit/memory/native/stress.py "$toggles"; then
        echo "heap_valgrind: the stress failed over $allocator" >&2
        exit 1
    fi
done

# A report is a run of lines; between it and the next there is nothing but the process number.
sources=$(cd src/tocsin/memory/native && printf '%s\n' *.c | sed 's/\.c$//' | paste -sd '|')
ours="_heap[.][a-z0-9_-]+[.]so|[(]($sources)[.]c:"
if awk -v ours="$ours" 'BEGIN { RS = "==[0-9]+== \n" } $0 ~ ours { print; found = 1 } END { exit !found }' "$logs"/*; then
    echo "heap_valgrind: faults; see above" >&2
    exit 1
fi
echo "heap_valgrind: no fault in $toggles toggles, over malloc and over pymalloc"
