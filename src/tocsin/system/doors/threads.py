"""The program's threads, which a system is asked to look after."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from tocsin.coordinator import MonitoringCoordinator
    from tocsin.system.core import SystemCore
    from tocsin.system.threads.register import Coordinator, ThreadRegister
    from tocsin.system.threads.registered import RegisteredThread


class Threads:
    """What `AlertSystem` offers to whoever has threads."""

    coordinator: Coordinator | None
    _core: SystemCore
    _threads: ThreadRegister

    @property
    def _registered_threads(self) -> set[threading.Thread]:
        return self._threads.known

    def register_thread(self, thread: threading.Thread | None = None) -> None:
        """Know a thread of the program, by default the calling one. Twice is once."""
        self._threads.register(thread)
        if self._keeper() is not self.coordinator:
            self._core.parts.register_thread(thread)  # a foreign coordinator looks after it in its own way

    def unregister_thread(self, thread: threading.Thread | None = None) -> None:
        """Forget a thread, by default the calling one."""
        self._threads.unregister(thread)
        if self._core.parts is not self.coordinator:
            self._core.parts.unregister_thread(thread)

    def registered(
        self, name: str = "", *, must_live: bool = False, heartbeat_s: float | None = None
    ) -> RegisteredThread:
        """Look after the calling thread for as long as a block lasts (`with`), or a function (as decorator).

        Args:
            name: as alerts call the thread; by default its own.
            must_live: ring when the block comes to its end, however it does.
            heartbeat_s: ring when `heartbeat()` is not called for twice these seconds.
        Raises: ConfigError: if `heartbeat_s` is no time.
        """
        from tocsin.system.threads.registered import RegisteredThread  # noqa: PLC0415 - only who promises needs it

        return RegisteredThread(self, name, must_live=must_live, heartbeat_s=heartbeat_s)

    def heartbeat(self) -> None:
        """Say that the calling thread gets on."""
        self._keeper().heartbeat()

    def _keeper(self) -> MonitoringCoordinator:
        """Who keeps the promises of threads."""
        return self._core.keeper()

    def _knows(self, thread: threading.Thread) -> bool:
        return thread in self._threads.known
