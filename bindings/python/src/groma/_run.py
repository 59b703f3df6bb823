"""Runs over many tiles: classified as one survey, at once or tile by tile."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

from . import _low
from ._errors import ArgumentError
from ._handle import Owned, PathLike, call, create, path_bytes, text, to_bytes
from ._job import SEARCHES, Cancel, Progress, Search, choice, classes_array, options_of, watched, whole
from ._library import lib
from ._model import Model
from ._result import Summary

#: Files, folders (the LAS and LAZ files in them) or patterns like ``tiles/*.laz``.
Inputs = Union[PathLike, Iterable[PathLike]]


class Run(Owned):
    """A run over tiles into a folder: each point gets the class that one file of all tiles would have given it.

    Points near a border look at those of the neighbouring tiles, and the ground is one surface for all. Every tile is
    read once beforehand, for an index of it in the folder; memory is bounded however many tiles there are. Outputs have
    the names of their inputs and appear whole or not at all, so that a run that was stopped goes on with `resume`.

    >>> with groma.Model.default() as model, groma.Run.open(model, "tiles", "classified") as run:
    ...     run.execute().details["failed"]
    0

    Processes that share the folder may each make some tiles: :meth:`index` all, then :meth:`make` any.
    """

    __slots__ = ()

    @classmethod
    def open(
        cls,
        model: Model,
        inputs: Inputs,
        output: PathLike,
        *,
        resume: bool = False,
        overwrite: bool = False,
        skip_failed: bool = False,
        assume_crs: bool = False,
        keep_index: bool = False,
        shard_number: int = 0,
        shard_count: int = 0,
        work: PathLike | None = None,
        probabilities: bool = False,
        write_confidence: bool = True,
        write_entropy: bool = True,
        point_format: int = -1,
        search: Search = "auto",
        block_size_m: float = 0.0,
        linear_unit_m: float = 0.0,
        keep_classes: Sequence[int] | None = None,
        dtm: PathLike | None = None,
    ) -> Run:
        """Looks at the headers of the tiles; none is read yet.

        `resume` keeps outputs of an earlier run that are right, `overwrite` replaces those that are not; without either
        none may exist. A tile that fails stops the run after those that were begun, unless `skip_failed`. `assume_crs`
        takes tiles that state no reference system as being in that of the others. `shard_number` (from 1) of
        `shard_count` is a part of the tiles for :meth:`execute`. `work` is the folder of the indices, by default
        ``.groma`` in that of the outputs, and `keep_index` keeps them. For the rest see
        :meth:`groma.Model.classify_file`.
        """
        classify = options_of(
            _low.groma_classify_options_t,
            lib.groma_classify_options_init,
            overwrite=int(overwrite),
            probabilities=int(probabilities),
            write_confidence=int(write_confidence),
            write_entropy=int(write_entropy),
            point_format=point_format,
            search=choice(SEARCHES, search, "search"),
            block_size_m=block_size_m,
            linear_unit_m=linear_unit_m,
            dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        )
        classes_array(classify, "keep_classes", "keep_class_count", keep_classes)
        options = _options(
            resume=int(resume),
            skip_failed=int(skip_failed),
            assume_crs=int(assume_crs),
            keep_index=int(keep_index),
            shard_number=shard_number,
            shard_count=shard_count,
            work=None if work is None else path_bytes(work, "work"),
        )
        names = _lines(inputs), path_bytes(output, "output")
        settings = ctypes.byref(classify), ctypes.byref(options)
        return cls._from_handle(create(lib.groma_run_open, lib.groma_run_destroy, model._live, *names, *settings))

    def __len__(self) -> int:
        """Number of tiles, those of other shards included."""
        return int(lib.groma_run_tile_count(self._live))

    def describe(self) -> dict[str, Any]:
        """What is known of the run: its reference system, remarks, and ``tiles`` with input, output, bounds, points."""
        made = create(lib.groma_run_describe, lib.groma_string_destroy, self._live)
        return json.loads(text(lib.groma_string_data(made)))  # type: ignore[no-any-return]

    def index(
        self, tile: int, *, threads: int = 0, cancel: Cancel | None = None, progress: Progress | None = None
    ) -> None:
        """Makes the index of a tile (from 0), if it is not there."""
        options = _options(threads=threads)
        number = whole(tile, "tile", 0, 2**64 - 1)
        with watched(options, progress, cancel):
            call(lib.groma_run_index, self._live, number, ctypes.byref(options))

    def make(
        self, tile: int, *, threads: int = 0, cancel: Cancel | None = None, progress: Progress | None = None
    ) -> Summary:
        """Makes a tile (from 0), of whichever shard; an output that is there and right is kept.

        Indices that are missing are made first, of all tiles.
        """
        options = _options(threads=threads)
        number = whole(tile, "tile", 0, 2**64 - 1)
        with watched(options, progress, cancel):
            made = create(
                lib.groma_run_tile, lib.groma_summary_destroy, self._live, number, ctypes.byref(options)
            )
        return Summary._from_handle(made)

    def finish(self) -> None:
        """Ends a run whose tiles were made by :meth:`make`, once nobody is at work on them.

        Removes what makers that were lost left in the folder and, if all outputs are there, the larger part of the indices.
        """
        call(lib.groma_run_finish, self._live)

    def execute(
        self, *, threads: int = 0, cancel: Cancel | None = None, progress: Progress | None = None
    ) -> Summary:
        """Makes all tiles of the run, or of its shard.

        Tiles that fail raise nothing: ``details`` of the summary has their number as ``failed`` and the reasons in ``tiles``.
        """
        options = _options(threads=threads)
        with watched(options, progress, cancel):
            made = create(lib.groma_run_execute, lib.groma_summary_destroy, self._live, ctypes.byref(options))
        return Summary._from_handle(made)

    def __repr__(self) -> str:
        return "<groma.Run, closed>" if self.closed else f"<groma.Run of {len(self)} tiles>"


def _options(**fields: Any) -> Any:
    return options_of(_low.groma_run_options_t, lib.groma_run_options_init, **fields)


def _lines(inputs: Inputs) -> bytes:
    """Paths as the library takes them, one a line."""
    if isinstance(inputs, (str, os.PathLike)):
        return path_bytes(inputs, "inputs")
    paths = [os.fspath(path) for path in inputs]
    for path in paths:
        if not isinstance(path, str):
            raise ArgumentError(f"`inputs` holds {path!r}; pass a path or a list of paths")
        if ("\n" in path or "\r" in path):
            raise ArgumentError(f"`inputs` holds {path!r}; a path of a run has no line break")
    return to_bytes("\n".join(paths), "inputs")
