"""The metrics of the machine and of the containers on it."""

from __future__ import annotations

from typing import Final

from tocsin.model.metric_info import MetricInfo, counter, gauge, read_from

_LINUX: Final = "Linux"
_CORE, _SLOW, _SLOWEST = 1, 10, 60

_CPU: Final = read_from("/proc/stat", _CORE, (
    gauge("system.cpu.utilization", "1", "share of all cores that is busy (neither idle nor waiting for I/O)"),
    gauge("system.cpu.core.utilization", "1", "share of one core that is busy; label cpu"),
    gauge("system.cpu.mode.utilization", "1", "share of all cores spent in one mode; label mode"),
    counter("system.cpu.time", "s", "CPU time of all cores in one mode; label mode", platform=_LINUX),
    gauge("system.cpu.logical.count", "{cpu}", "cores that are online, as the system counts them", platform=_LINUX),
    counter("system.context_switches", "{switch}", "context switches of the machine"),
    counter("system.interrupts", "{interrupt}", "interrupts that the machine served"),
    counter("system.interrupts.soft", "{interrupt}",
            "work that interrupts left for later; label kind (net_rx: packets received, timer, sched, rcu, …)",
            platform=_LINUX),
    counter("system.process.created", "{process}", "processes and threads that were started", platform=_LINUX),
    gauge("system.thread.runnable", "{thread}", "threads that run or wait for a core at this moment", platform=_LINUX),
    gauge("system.thread.blocked", "{thread}", "threads that wait for storage at this moment", platform=_LINUX),
))  # fmt: skip

_LOAD: Final = read_from("/proc/loadavg", _SLOW, (
    gauge("system.cpu.load_average.1m", "{thread}", "runnable and uninterruptible threads, mean of 1 minute"),
    gauge("system.cpu.load_average.5m", "{thread}", "runnable and uninterruptible threads, mean of 5 minutes"),
    gauge("system.cpu.load_average.15m", "{thread}", "runnable and uninterruptible threads, mean of 15 minutes"),
    gauge("system.thread.count", "{thread}", "threads on the machine", platform=_LINUX),
    gauge("system.uptime", "s", "time since the machine started, sleep included"),
))  # fmt: skip

_MEMORY: Final = read_from("/proc/meminfo", _CORE, (
    gauge("system.memory.limit", "By", "memory of the machine"),
    gauge("system.memory.usage", "By", "memory in use that cannot be reclaimed (limit minus available)"),
    gauge("system.memory.available", "By", "memory that programs could still get without swapping, ZFS cache included"),
    gauge("system.memory.utilization", "1", "share of the machine's memory in use and not reclaimable"),
    gauge("system.memory.free", "By", "memory that is used for nothing at all"),
    gauge("system.memory.cached", "By", "memory used as page cache"),
    gauge("system.memory.buffers", "By", "memory used as block device buffers"),
    gauge("system.memory.anonymous", "By", "memory of programs that no file stands behind", platform=_LINUX),
    gauge("system.memory.mapped", "By", "page cache that programs have mapped", platform=_LINUX),
    gauge("system.memory.shared", "By", "shared memory and tmpfs; it counts as cache and cannot be reclaimed",
          platform=_LINUX),
    gauge("system.memory.active", "By", "memory used lately", platform=_LINUX),
    gauge("system.memory.inactive", "By", "memory not used lately, the first to be reclaimed", platform=_LINUX),
    gauge("system.memory.unevictable", "By", "memory that is locked and cannot be reclaimed", platform=_LINUX),
    gauge("system.memory.slab.usage", "By", "the kernel's own objects; label state (reclaimable, unreclaimable)",
          platform=_LINUX),
    gauge("system.memory.kernel_stack", "By", "stacks of the kernel, one for each thread", platform=_LINUX),
    gauge("system.memory.page_tables", "By", "tables that map the memory of programs", platform=_LINUX),
    gauge("system.memory.dirty", "By", "written data that waits to go to storage", platform=_LINUX),
    gauge("system.memory.writeback", "By", "written data that is on its way to storage", platform=_LINUX),
    gauge("system.memory.committed", "By", "memory promised to programs", platform=_LINUX),
    gauge("system.memory.commit_limit", "By", "memory that may be promised where overcommitting is forbidden",
          platform=_LINUX),
    gauge("system.memory.locked", "By", "memory that programs have locked", platform=_LINUX),
    gauge("system.memory.vmalloc", "By", "memory that the kernel has mapped for itself", platform=_LINUX),
    gauge("system.memory.percpu", "By", "memory of the kernel that each core has its own copy of", platform=_LINUX),
    gauge("system.memory.transparent_huge", "By", "memory of programs in huge pages that the kernel chose itself",
          platform=_LINUX),
    gauge("system.memory.huge_pages", "By", "memory set aside for huge pages, used or not", platform=_LINUX),
    gauge("system.memory.corrupted", "By", "memory given up since it failed: replace the module", platform=_LINUX),
    gauge("system.paging.cached", "By", "memory that is in the swap space as well", platform=_LINUX),
    gauge("system.paging.usage", "By", "swap space in use"),
    gauge("system.paging.limit", "By", "swap space in all"),
    gauge("system.paging.utilization", "1", "share of the swap space in use"),
))  # fmt: skip

_ZFS: Final = read_from("/proc/spl/kstat/zfs/arcstats", _CORE, (
    gauge("system.memory.zfs_cache", "By", "memory that the ZFS cache (ARC) would give back; not counted as used"),
), platform=_LINUX)  # fmt: skip

_PAGING: Final = (
    *read_from("/proc/vmstat", _SLOW, (
        counter("system.paging.io", "By", "bytes swapped; label direction (in, out)"),
        counter("system.paging.faults", "{fault}",
                "page faults; label type (major: had to wait for a disk, minor)", platform=_LINUX),
        counter("system.memory.oom_kills", "{process}", "processes that the kernel killed for lack of memory",
                platform=_LINUX),
        counter("system.memory.reclaimed", "{page}",
                "pages taken back; label by (kswapd: in the background, direct: while a program waited)",
                platform=_LINUX),
        counter("system.memory.scanned", "{page}",
                "pages looked at to be taken back: many for few reclaimed is hard pressure; label by (kswapd, direct)",
                platform=_LINUX),
        counter("system.memory.allocation_stalls", "{stall}",
                "times that a program waited while it took back memory itself", platform=_LINUX),
        counter("system.memory.compaction_stalls", "{stall}",
                "times that a program waited for memory to be moved together", platform=_LINUX),
        counter("system.memory.numa_misses", "{page}",
                "pages that had to be taken from another node than was wanted", platform=_LINUX),
        counter("system.memory.refaults", "{page}",
                "pages that were taken back and needed again soon: memory is too small; label type (anonymous, file)",
                platform=_LINUX),
    )),
)  # fmt: skip

_PRESSURE: Final = read_from("/proc/pressure", _CORE, (
    counter("system.pressure.stall_time", "s",
            "time in which some, or all, threads waited for a resource; labels resource (cpu, memory, io), kind"),
    gauge("system.pressure.avg10", "1",
          "share of the last 10 s in which some, or all, threads waited for a resource; labels resource, kind"),
), platform=_LINUX)  # fmt: skip

_DISK: Final = read_from("/proc/diskstats", _CORE, (
    counter("system.disk.io", "By", "bytes moved; labels device, direction (read, write)"),
    counter("system.disk.operations", "{operation}",
            "operations completed; labels device, direction (read, write; on Linux also flush)"),
    counter("system.disk.operation_time", "s", "time that operations took, in sum; labels device, direction"),
    counter("system.disk.merged", "{operation}",
            "operations that were joined with a neighbour; labels device, direction", platform=_LINUX),
    gauge("system.disk.pending_operations", "{operation}", "operations under way at this moment; label device",
          platform=_LINUX),
    counter("system.disk.io_time", "s", "time the device was busy; label device"),
    counter("system.disk.weighted_io_time", "s", "time the device was busy, for each operation under way; label device",
            platform=_LINUX),
    gauge("tocsin.disk.await", "s", "mean time of an operation since the reading before, absent without any; "
          "labels device, direction (read, write, flush: what an fsync waits for)", platform=_LINUX),
    gauge("tocsin.disk.queue", "{operation}",
          "operations under way, as a mean since the reading before; label device", platform=_LINUX),
    gauge("tocsin.disk.utilization", "1", "share of the time the device was busy since the reading before; "
          "one that works in parallel may do more at 1; label device", platform=_LINUX),
))  # fmt: skip

_FILESYSTEM: Final = read_from("statvfs of what /proc/self/mountinfo names", _SLOW, (
    gauge("system.filesystem.limit", "By", "size of the file system that a program may use; label mountpoint"),
    gauge("system.filesystem.usage", "By", "space in use; label mountpoint"),
    gauge("system.filesystem.utilization", "1", "share of the usable space in use, as df counts; label mountpoint"),
    gauge("system.filesystem.inodes.utilization", "1", "share of the inodes in use; label mountpoint",
          platform=_LINUX),
    gauge("tocsin.filesystem.probe.age", "s",
          "how long a network file system has owed the answer to statvfs, 0 when it has answered; label mountpoint",
          platform=_LINUX),
))  # fmt: skip

_NETWORK: Final = read_from("/proc/net/dev", _CORE, (
    counter("system.network.io", "By", "bytes moved; labels interface, direction (receive, transmit)"),
    counter("system.network.packets", "{packet}", "packets moved; labels interface, direction"),
    counter("system.network.errors", "{error}", "packets in error; labels interface, direction"),
    counter("system.network.dropped", "{packet}", "packets dropped; labels interface, direction"),
    counter("system.network.overruns", "{packet}",
            "packets lost since the device's queue was full; labels interface, direction", platform=_LINUX),
    counter("system.network.frame_errors", "{packet}", "packets received out of shape: look at the cable; "
            "label interface", platform=_LINUX),
    counter("system.network.carrier_errors", "{error}", "losses of the line while sending: look at the cable; "
            "label interface", platform=_LINUX),
    counter("system.network.multicast", "{packet}", "multicast packets received; label interface", platform=_LINUX),
))  # fmt: skip

_TCP: Final = (
    *read_from("/proc/net/snmp", _SLOW, (
        gauge("system.network.tcp.connections", "{connection}", "connections that stand"),
        counter("system.network.tcp.opens", "{connection}", "connections opened; label direction (active, passive)"),
        counter("system.network.tcp.failed_attempts", "{connection}", "connections that could not be opened"),
        counter("system.network.tcp.segments", "{segment}", "segments moved; label direction (receive, transmit)"),
        counter("system.network.tcp.retransmits", "{segment}", "segments sent again since no answer came"),
        counter("system.network.tcp.errors", "{segment}", "segments received in error"),
        counter("system.network.tcp.resets", "{connection}", "resets; label direction (receive: of connections that "
                "stood, transmit: all that were sent)"),
        counter("system.network.udp.datagrams", "{datagram}", "datagrams moved; label direction (receive, transmit)"),
        counter("system.network.udp.errors", "{datagram}", "datagrams received in error"),
        counter("system.network.udp.no_ports", "{datagram}", "datagrams that came for a port where nobody listens"),
        counter("system.network.udp.checksum_errors", "{datagram}", "datagrams whose checksum was wrong"),
        counter("system.network.ip.discards", "{packet}",
                "packets thrown away though nothing was wrong with them, mostly for want of memory; label direction"),
        counter("system.network.ip.no_routes", "{packet}", "packets for which there was no way"),
        counter("system.network.ip.reassembly_failures", "{packet}", "packets whose pieces did not all come"),
        counter("system.network.udp.buffer_errors", "{datagram}",
                "datagrams lost since a buffer was full; label direction (receive, transmit)"),
    ), platform=_LINUX),
    *read_from("/proc/net/netstat", _SLOW, (
        counter("system.network.tcp.timeouts", "{timeout}", "retransmission timers that ran out"),
        counter("system.network.tcp.syn_retransmits", "{segment}", "first segments of connections sent again"),
        counter("system.network.tcp.listen_overflows", "{connection}",
                "connections refused since a program did not accept them in time"),
        counter("system.network.tcp.listen_drops", "{connection}", "connections refused while listening, in all"),
        counter("system.network.tcp.syn_cookies", "{connection}",
                "cookies sent since the queue of connections was full"),
        counter("system.network.tcp.lost_retransmits", "{segment}", "segments lost again when they were sent again"),
        counter("system.network.tcp.backlog_drops", "{segment}",
                "segments dropped since a program's socket was busy and its queue full"),
        counter("system.network.tcp.receive_queue_drops", "{segment}",
                "segments dropped since a program did not read what had come"),
        counter("system.network.tcp.prunes", "{prune}", "times a full receive buffer had to be squeezed"),
        counter("system.network.tcp.memory_pressures", "{event}", "times that TCP ran short of memory"),
        counter("system.network.tcp.aborts", "{connection}", "connections given up; label cause (memory, timeout)"),
    ), platform=_LINUX),
    *read_from("/proc/net/sockstat", _SLOW, (
        gauge("system.network.sockets", "{socket}", "sockets of every kind"),
        gauge("system.network.tcp.sockets", "{socket}", "TCP sockets (IPv4) in use"),
        gauge("system.network.tcp.orphans", "{socket}", "TCP sockets that no program holds any more"),
        gauge("system.network.tcp.time_wait", "{socket}", "connections that are over and wait for stragglers"),
        gauge("system.network.tcp.memory", "By", "memory of all TCP buffers"),
        gauge("system.network.udp.sockets", "{socket}", "UDP sockets (IPv4) in use"),
        gauge("system.network.udp.memory", "By", "memory of all UDP buffers"),
    ), platform=_LINUX),
)  # fmt: skip

_LIMITS: Final = (
    *read_from("/proc/sys/fs/file-nr", _SLOW, (
        gauge("system.file_handle.count", "{file_handle}", "files that all programs hold open"),
        gauge("system.file_handle.utilization", "1", "the same as a share of what the kernel allows"),
    ), platform=_LINUX),
    *read_from("/proc/sys/net/netfilter/nf_conntrack_count", _SLOW, (
        gauge("system.network.connection_tracking.count", "{connection}", "connections that the firewall follows"),
        gauge("system.network.connection_tracking.utilization", "1",
              "the same as a share of its table; when that is full, new connections fail"),
    ), platform=_LINUX),
)  # fmt: skip

_PROCESSES: Final = read_from("/proc/*/stat", _SLOWEST, (
    gauge("system.process.count", "{process}", "processes on the machine that this program may see"),
    gauge("system.process.state.count", "{process}",
          "processes in one state; label state (running, sleeping, disk, stopped, zombie, idle)"),
))  # fmt: skip

_CONTAINER: Final = (
    *read_from("memory.current, memory.stat; v1: memory.usage_in_bytes", _CORE, (
        gauge("container.memory.usage", "By", "memory that the own group uses, without what can be reclaimed at once"),
        gauge("container.memory.utilization", "1",
              "the same as a share of the limit, of that group of the chain which is nearest to its limit"),
    ), platform=_LINUX),
    *read_from("memory.max; v1: memory.limit_in_bytes", _CORE, (
        gauge("container.memory.limit", "By", "the smallest visible limit of the own group and those above it"),
    ), platform=_LINUX),
    *read_from("memory.events; v1: memory.oom_control", _CORE, (
        counter("container.memory.oom_kills", "{process}",
                "processes killed for a group's memory limit; label level (own, ancestors: those above with a limit)"),
    ), platform=_LINUX),
    *read_from("cpu.max; v1: cpu.cfs_quota_us; sched_getaffinity", _CORE, (
        gauge("container.cpu.limit", "{cpu}",
              "cores the program may use: the smallest quota of the chain, or the cores it is bound to"),
    ), platform=_LINUX),
    *read_from("cpu.stat", _CORE, (
        counter("container.cpu.throttled_time", "s",
                "time for which a quota stopped the group; label level (own, ancestors: those above with a quota)"),
        counter("container.cpu.throttled_periods", "{period}", "periods in which a quota stopped it; label level"),
        counter("container.cpu.periods", "{period}", "periods in which a quota was enforced; label level"),
        gauge("container.cpu.throttled.utilization", "1",
              "share of the periods since the reading before in which a quota stopped it, of the worst group"),
    ), platform=_LINUX),
    *read_from("cpu.stat; v1: cpuacct.usage", _CORE, (
        counter("container.cpu.time", "s", "CPU time of the own group"),
        gauge("container.cpu.utilization", "1", "CPU time of the own group for each second, as a share of its limit"),
    ), platform=_LINUX),
    *read_from("cpu.pressure, memory.pressure, io.pressure", _CORE, (
        counter("container.pressure.stall_time", "s",
                "time in which some, or all, threads of the own group waited; labels resource, kind"),
        gauge("container.pressure.avg10", "1",
              "share of the last 10 s in which some, or all, threads of the own group waited; labels resource, kind"),
    ), platform=_LINUX),
)  # fmt: skip

HOST: Final[tuple[MetricInfo, ...]] = (
    *_CPU, *_LOAD, *_MEMORY, *_ZFS, *_PAGING, *_PRESSURE, *_DISK, *_FILESYSTEM, *_NETWORK, *_TCP, *_LIMITS,
    *_PROCESSES,
)  # fmt: skip
CONTAINER: Final[tuple[MetricInfo, ...]] = _CONTAINER
