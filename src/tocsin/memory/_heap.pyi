"""The sampling heap profiler inside of Python's allocators; see native/*.h for ownership, threads and forks.

Times of birth are epochs: `mark` begins the next one, so whoever takes snapshots can use any time of his own.
"""

from typing import Final

# Stack numbers that are no stacks but say why there is none. In 3.11 the first also stands for other interpreters.
WITHOUT_GIL: Final[int]
OTHER_INTERPRETER: Final[int]
TOO_MANY_STACKS: Final[int]
OUTSIDE: Final[int]

def start(interval: float = 131072.0, max_samples: int = 65536, max_samples_per_s: float = 10000.0) -> None:
    """Sample from now on, with empty tables.

    Args:
        interval: mean bytes between two samples; 1 to 1e12.
        max_samples: more are thinned out, and their weight goes over to the rest; 16 to 16,777,216.
        max_samples_per_s: more, for a quarter of a second, double the interval; when they are few again, each `mark`
            halves it, down to `interval`. 0: no limit.
    Raises: ValueError: for another number. RuntimeError: where the heap cannot be sampled, with the reason: in another
        interpreter than the main one, while tracemalloc traces at the first start, after another tool took the hooks
        away, or if the interpreter's frames are not as expected.
    """

def stop() -> None:
    """Take no more samples; what lives is still seen to go. The hooks stay in place for the life of the process."""

def is_active() -> bool:
    """Whether blocks are sampled; no more, too, once another tool took the hooks away."""

def mark() -> int:
    """Begin the next epoch, and give its number; blocks of `start` until the first mark are born in epoch 0.

    It also finds numpy where it was imported since, and lets the interval fall again.
    """

def snapshot() -> list[tuple[int, float, float, int, int, float, bytes]]:
    """What lives, a row for each stack of which anything was sampled since the start.

    Returns: stack number, estimated live bytes, variance of that estimate, sampled blocks alive, sampled blocks since
        the start, estimated bytes since the start, and the survivors by epoch: packed as native `IId` triples of epoch,
        samples and estimated bytes, oldest first.
    """

def frames(stack: int) -> tuple[tuple[str, int, str], ...]:
    """The places of a stack, innermost first: file, line and qualified name of the function; () where it has none.

    Raises: ValueError: if there is no such stack.
    """

def survivors(stack: int, most: int = 32) -> list[tuple[int, int, int]]:
    """Some sampled blocks of a stack that live: address, size in bytes and epoch of birth.

    Raises: ValueError: if `most` is negative or absurd.
    """

def state() -> dict[str, float]:
    """How the sampling does.

    Returns: interval (mean bytes between samples now), alive, max_samples, taken (since the start), thinned (given up,
        their weight is with the rest), lost (for want of memory, their weight is lost), raised (times that the interval
        was doubled), epoch, stacks, numpy_slots, in_place (0: another tool took the hooks away).
    """

def small_blocks() -> tuple[float, float, float, float]:
    """What lives of blocks of 512 bytes or less, which pymalloc holds in its arenas.

    Returns: estimated number of them, estimated bytes, the variance of the bytes, and the bytes that pymalloc has set
        aside for them, which are multiples of 16.
    """

def malloc_free() -> tuple[int, int] | None:
    """What the C library's malloc keeps although nobody uses it: bytes, and the number of free chunks.

    Some 60 ns a chunk, for which malloc is locked. None where the C library does not tell (other than glibc 2.33).
    """

def arena_bytes() -> int:
    """Bytes that pymalloc holds from the system for small blocks, used or not; -1 where that is not known.

    Known from the first `start` on. 0 where pymalloc is switched off.
    """

def _fail_next(count: int) -> None:
    """For tests: let the next allocations of the tables fail, that many."""
