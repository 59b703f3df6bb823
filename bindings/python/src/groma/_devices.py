"""Devices that models can run on, and reports about the installation."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ._handle import create, owned_json, text
from ._library import lib


class Device(NamedTuple):
    """A device."""

    #: What the option ``device`` takes: ``cpu``.
    name: str
    #: Name of the processor.
    description: str
    #: Its memory in bytes; 0 where it is not known.
    memory_total_bytes: int
    #: What of it is free, in bytes; 0 where it is not known.
    memory_free_bytes: int
    #: Everything that the library says of it.
    details: dict[str, Any]

    def fits(self, size_bytes: int) -> bool:
        """Whether so much of its memory was free when it was listed; not where that is not known."""
        return size_bytes <= self.memory_free_bytes


def devices() -> list[Device]:
    """The devices of this machine that can be used."""
    handle = create(lib.groma_devices_list, lib.groma_devices_destroy)
    listed = json.loads(text(lib.groma_devices_json(handle)))
    entries = listed["devices"] if isinstance(listed, dict) else listed
    return [
        Device(
            text(lib.groma_devices_name(handle, i)),
            text(lib.groma_devices_description(handle, i)),
            int(lib.groma_devices_memory_total_bytes(handle, i)),
            int(lib.groma_devices_memory_free_bytes(handle, i)),
            entries[i],
        )
        for i in range(lib.groma_devices_count(handle))
    ]


def least_loaded() -> str:
    """Name of the GPU that is least at work, as the option ``device`` takes it; ``cpu`` if no GPU can be used."""
    return text(lib.groma_devices_least_loaded(create(lib.groma_devices_list, lib.groma_devices_destroy)))


def doctor() -> dict[str, Any]:
    """Everything about the installation, for reports of problems: versions, ONNX Runtime, CPU, devices, the default
    model."""
    return owned_json(lib.groma_doctor_json)  # type: ignore[no-any-return]
