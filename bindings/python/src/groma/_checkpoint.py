"""Checkpoints: weights, and the states of optimizer and scheduler, in a safetensors file with typed metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import _low
from ._handle import Handle, Owned, PathLike, call, create, path_bytes, text, to_bytes
from ._library import lib
from ._value import Value, value_from


class Section(Mapping[str, Any]):
    """The tensors of one section by name: arrays out (:class:`groma.Value` where NumPy lacks the type), anything in
    that :meth:`groma.Value.of` takes. A name is set once."""

    __slots__ = ("_handle", "_number")

    def __init__(self, handle: Handle, number: int) -> None:
        self._handle = handle
        self._number = number

    def value(self, name: str) -> Value:
        """A tensor as a value."""
        return value_from(lib.groma_checkpoint_value, self._handle, self._number, to_bytes(name, "name"))

    def __getitem__(self, name: str) -> Any:
        if name not in list(self):
            raise KeyError(name)
        return self.value(name).to_python()

    def __setitem__(self, name: str, source: Any) -> None:
        value = Value.of(source)
        call(lib.groma_checkpoint_add, self._handle, self._number, to_bytes(name, "name"), value._live)

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            yield text(lib.groma_checkpoint_name(self._handle, self._number, index))

    def __len__(self) -> int:
        return int(lib.groma_checkpoint_count(self._handle, self._number))

    def __repr__(self) -> str:
        return f"<groma checkpoint section of {len(self)} tensors>"


class Checkpoint(Owned):
    """Weights with what belongs to them: made empty and filled, or loaded.

    >>> checkpoint = groma.Checkpoint(classes=["ground", "other"], step=1200)
    >>> checkpoint.weights["layer.0"] = array
    >>> checkpoint.save("model.safetensors")

    Tensors share the memory of contiguous, writable arrays: do not change those before the checkpoint is saved.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        schema_hash: str | None = None,
        classes: Sequence[str] | None = None,
        training_data: Any | None = None,
        version: str | None = None,
        step: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        given = {
            "schema_hash": schema_hash,
            "classes": None if classes is None else list(classes),
            "training_data": training_data,
            "version": version,
            "step": step,
            "extra": None if extra is None else dict(extra),
        }
        metadata = json.dumps({key: value for key, value in given.items() if value is not None})
        self._handle = create(lib.groma_checkpoint_create, lib.groma_checkpoint_destroy, to_bytes(metadata, "metadata"))

    @classmethod
    def load(cls, path: PathLike) -> Checkpoint:
        """Reads a safetensors file; of files that others wrote, all tensors are weights."""
        return cls._from_handle(
            create(lib.groma_checkpoint_open, lib.groma_checkpoint_destroy, path_bytes(path, "path"))
        )

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Writes a safetensors file, which appears whole or not at all."""
        call(lib.groma_checkpoint_save, self._live, path_bytes(path, "path"), int(overwrite))

    @property
    def weights(self) -> Section:
        """The weights of the network, by the names of its initializers."""
        return Section(self._live, _low.GROMA_SECTION_WEIGHTS)

    @property
    def optimizer(self) -> Section:
        """The state of the optimizer."""
        return Section(self._live, _low.GROMA_SECTION_OPTIMIZER)

    @property
    def scheduler(self) -> Section:
        """The state of the scheduler."""
        return Section(self._live, _low.GROMA_SECTION_SCHEDULER)

    @property
    def metadata(self) -> dict[str, Any]:
        """Schema hash, classes, training data, version, step, and what else was given."""
        handle = self._live
        return json.loads(text(lib.groma_checkpoint_metadata_json(handle)))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return "<groma.Checkpoint, closed>" if self.closed else f"<groma.Checkpoint of {len(self.weights)} weights>"
