"""What is known of a program's memory: snapshots of its heap, the report on it, and the verdict on leaks."""

from __future__ import annotations

from enum import StrEnum

import msgspec

# Of some values there are many thousands. They hold none that could lead back to them, so `gc=False` spares the
# program's garbage collector looking at them.


class HeapTier(StrEnum):
    """How the heap is seen, best first."""

    SAMPLING = "sampling"
    TRACEMALLOC = "tracemalloc"
    RSS_ONLY = "rss only"


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One place of a stack: the line that runs, and the function it is in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Births(msgspec.Struct, frozen=True, gc=False):
    """What was allocated between two snapshots and still lives.

    Attributes:
        from_s: begin of the interval, in the time that callers of `snapshot` give.
        to_s: its end.
        samples: sampled blocks of that time that live.
        live_bytes: estimated bytes that they stand for.
    """

    from_s: float
    to_s: float
    samples: int
    live_bytes: float


class HeapStack(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one stack has allocated, and what of it lives.

    Attributes:
        number: of the stack; stable in a process.
        frames: innermost first; empty where the stack is not known (memory taken without the GIL, before the start).
        live_bytes: estimated bytes alive; unbiased.
        live_variance: variance of that estimate, in bytes squared.
        samples: sampled blocks alive.
        births: the survivors by the time of their allocation, oldest first; their sum is `samples` and `live_bytes`.
        allocated_samples: sampled blocks since the start, dead ones included.
        allocated_bytes: estimated bytes that they stand for.
    """

    number: int
    frames: tuple[Frame, ...] = ()
    live_bytes: float = 0.0
    live_variance: float = 0.0
    samples: int = 0
    births: tuple[Births, ...] = ()
    allocated_samples: int = 0
    allocated_bytes: float = 0.0


class HeapSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The heap at one time. What cannot be known is None, never zero.

    Attributes:
        at_s: when, in seconds as the caller gave them.
        tier: how the heap was seen.
        interval_bytes: mean bytes between two samples, at present; 0 where each block is seen.
        started_s: since when blocks are seen.
        stacks: those of which something lives or was sampled since the start.
        live_bytes: estimated bytes alive in Python's allocators (and of arrays) since the start.
        live_variance: variance of that estimate.
        rss_bytes: resident memory of the process.
        arena_bytes: held from the system by pymalloc for small blocks, in use or not.
        python_blocks: blocks that pymalloc has handed out (`sys.getallocatedblocks`), older ones included.
        small_blocks: estimated number of blocks alive since the start that are small enough for pymalloc (512 bytes).
        small_bytes: estimated bytes of those; what remains of `live_bytes` are larger blocks, from malloc.
        small_variance: variance of that estimate.
        small_set_aside_bytes: what pymalloc has set aside for those; it gives sizes in steps of 16 bytes.
        malloc_free_bytes: kept by malloc for the next time although nobody uses it; it need not be resident. Where it
            is in very many pieces, of some snapshots ago.
        thinned: samples given up to stay within the cap, their weight going over to the others.
        lost: samples not kept for want of memory; what they stand for is missing.
        remarks: what limits the figures, in sentences; also why the tier is not the best.
    """

    at_s: float
    tier: HeapTier = HeapTier.RSS_ONLY
    interval_bytes: float = 0.0
    started_s: float | None = None
    stacks: tuple[HeapStack, ...] = ()
    live_bytes: float | None = None
    live_variance: float | None = None
    rss_bytes: int | None = None
    arena_bytes: int | None = None
    python_blocks: int | None = None
    small_blocks: float | None = None
    small_bytes: float | None = None
    small_variance: float | None = None
    small_set_aside_bytes: float | None = None
    malloc_free_bytes: int | None = None
    thinned: int = 0
    lost: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def large_bytes(self) -> float | None:
        """Estimated bytes alive since the start that pymalloc does not hold: blocks above 512 bytes, and arrays."""
        if self.live_bytes is None or self.small_bytes is None:
            return None
        return max(self.live_bytes - self.small_bytes, 0.0)


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a component or a call site holds.

    Attributes:
        name: the component, or `file:line in function`.
        live_mb: estimated MB alive.
        live_low_mb: lower end of the 95 % interval.
        live_high_mb: its upper end.
        samples: sampled blocks behind the estimate.
    """

    name: str
    live_mb: float
    live_low_mb: float = 0.0
    live_high_mb: float = 0.0
    samples: int = 0


class MemoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of a process. An absent field is no data, never zero. MB is 10^6 bytes.

    Attributes:
        rss_mb: resident memory.
        growth_rate_mb_per_s: robust slope of resident memory over `growth_window_s`; None until that is known.
        efficiency_score: live bytes, in the sizes that pymalloc gives, ÷ bytes held from the system, 0 to 1; None where
            it cannot be known.
        component: the part of the program that the report is about; by default the process.
        at_s: when, in seconds as the caller gave them.
        tier: how the heap was seen.
        pss_mb: proportional share of memory, on Linux.
        peak_rss_mb: the highest resident memory since the process began.
        growth_window_s: seconds that the growth rate looks back on.
        live_mb: estimated MB alive that Python's allocators gave since the start.
        live_low_mb: lower end of the 95 % interval.
        live_high_mb: its upper end.
        arena_mb: held by pymalloc for small blocks.
        fragmentation: share of that which nobody uses, 0 to 1.
        native_mb: resident memory, beyond what was there at the start, of C code: neither arenas nor larger blocks of
            Python explain it, nor what malloc keeps although nobody uses it.
        malloc_free_mb: resident memory that malloc keeps although nobody uses it, at most; None where malloc does not
            tell, and then it is in `native_mb`.
        untracked_mb: resident memory that the estimate does not explain (older than the start, or native).
        components: by component, largest first.
        sites: by call site, largest first.
        limit_mb: the memory the process may use: of its container or machine.
        remarks: what limits the figures, in sentences.
    """

    rss_mb: float | None = None
    growth_rate_mb_per_s: float | None = None
    efficiency_score: float | None = None
    component: str = ""
    at_s: float | None = None
    tier: HeapTier | None = None
    pss_mb: float | None = None
    peak_rss_mb: float | None = None
    growth_window_s: float | None = None
    live_mb: float | None = None
    live_low_mb: float | None = None
    live_high_mb: float | None = None
    arena_mb: float | None = None
    fragmentation: float | None = None
    native_mb: float | None = None
    malloc_free_mb: float | None = None
    untracked_mb: float | None = None
    components: tuple[MemoryUse, ...] = ()
    sites: tuple[MemoryUse, ...] = ()
    limit_mb: float | None = None
    remarks: tuple[str, ...] = ()


class LeakState(StrEnum):
    """What is thought of a site that grows.

    `watch`: it grows, and too little is known. `suspected`: it looks like a leak; so does a cache that still fills.
    `confirmed`: it went on. `bounded`: it grew to a cap. `resolved`: it has stopped, or what it held is gone.
    """

    WATCH = "watch"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    BOUNDED = "bounded"
    RESOLVED = "resolved"


class LeakSite(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the program whose allocations stay.

    Attributes:
        file: of the first frame that is not library code.
        line: in it.
        function: in it.
        stack: all frames, innermost first.
        component: the part of the program.
        kind: `python` for memory of Python's allocators and arrays, `native` for growth outside of them.
        live_bytes: estimated bytes alive.
        samples: sampled blocks alive.
        rate_mb_per_hour: how fast it grows, in MB (10^6 bytes) per hour.
        rate_low: lower end of the 95 % interval.
        rate_high: its upper end.
        survivor_age_s: median age of the survivors.
        state: what is thought of it.
        retained_by: what holds the survivors, nearest first; empty until it was looked for.
        seconds_to_limit: until the limit of memory is reached at this rate; None where there is no limit.
        reason: why it has this state, in a sentence with figures.
        old_share: share of the live bytes older than half of what was observed.
        growth_share: share of the growth of the whole process that it explains, 0 to 1; None where unknown.
        observed_s: seconds that it was observed.
        key: names the site as long as the detector lives, also where its line changes.
        stack_numbers: of the stacks it is made of, the one that holds most first.
        bounded_by: the bound of the container that holds the survivors, such as `deque(maxlen=1000)`; empty if none
            was found.
    """

    file: str = ""
    line: int = 0
    function: str = ""
    stack: tuple[Frame, ...] = ()
    component: str = ""
    kind: str = "python"
    live_bytes: float = 0.0
    samples: int = 0
    rate_mb_per_hour: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    survivor_age_s: float | None = None
    state: LeakState = LeakState.WATCH
    retained_by: tuple[str, ...] = ()
    seconds_to_limit: float | None = None
    reason: str = ""
    old_share: float | None = None
    growth_share: float | None = None
    observed_s: float = 0.0
    key: str = ""
    stack_numbers: tuple[int, ...] = ()
    bounded_by: str = ""


class LeakAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on leaks at one time. An absent field is no data, never zero.

    Attributes:
        potential_leaks: the sites that are confirmed, the fastest first.
        growth_rate_mb_per_hour: how fast confirmed sites grow together; without one, None.
        growth_low: lower end of its 95 % interval.
        growth_high: its upper end.
        component: the part of the program that leaks most; by default the process.
        sites: all sites that are, or were, more than noise, in every state.
        at_s: when, in seconds as the caller gave them.
        observed_s: seconds between the first snapshot and the last.
        snapshots: how many were seen.
        tier: how the heap was seen.
        remarks: what limits the verdict, in sentences.
    """

    potential_leaks: tuple[LeakSite, ...] = ()
    growth_rate_mb_per_hour: float | None = None
    growth_low: float | None = None
    growth_high: float | None = None
    component: str = ""
    sites: tuple[LeakSite, ...] = ()
    at_s: float | None = None
    observed_s: float = 0.0
    snapshots: int = 0
    tier: HeapTier | None = None
    remarks: tuple[str, ...] = ()
