"""The program's own buffers: how full its queues are, and who holds how many bytes."""

from __future__ import annotations

from tocsin.sensors.buffers.leases import Lease
from tocsin.sensors.buffers.manager import BufferManager
from tocsin.sensors.buffers.sensor import BufferSensor
from tocsin.sensors.buffers.tracked import BufferUsage

__all__ = ["BufferManager", "BufferSensor", "BufferUsage", "Lease"]
