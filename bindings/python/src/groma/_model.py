"""Models of points: opened, asked about points in memory and in files, made of other models."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _low
from ._errors import ArgumentError
from ._handle import Owned, PathLike, create, owned_json, path_bytes, text, to_bytes
from ._job import SEARCHES, Cancel, Progress, Search, choice, classes_array, options_of, watched
from ._library import lib
from ._points import Points, PointsLike
from ._result import Result, Summary
from ._value import value_from

_COMBINE = {
    "mean": _low.GROMA_ENSEMBLE_MEAN,
    "vote": _low.GROMA_ENSEMBLE_VOTE,
    "scale": _low.GROMA_ENSEMBLE_SCALE,
}


class Model(Owned):
    """A model of points with its manifest: shared by any number of threads.

    >>> with groma.Model.default() as model:
    ...     model.classify_file("in.laz", "out.laz")
    """

    __slots__ = ()

    @classmethod
    def open(
        cls,
        path: PathLike,
        *,
        manifest: str | dict[str, Any] | None = None,
        checkpoint: PathLike | None = None,
        device: str | None = None,
    ) -> Model:
        """Opens an ONNX file.

        `manifest` (JSON, or what it stands for) replaces the one in the file or beside it, the weights in the
        safetensors file `checkpoint` those of the same names. `device` is ``auto`` (the default), ``cpu``, ``cuda``,
        ``cuda:0,2`` or ``all``; what is asked for by name is used or refused.
        """
        name = path_bytes(path, "path")
        if manifest is None and checkpoint is None and device is None:
            return cls._from_handle(create(lib.groma_model_open, lib.groma_model_destroy, name))
        options = ctypes.byref(_model_options(manifest, checkpoint, device))
        return cls._from_handle(create(lib.groma_model_open_with, lib.groma_model_destroy, name, options))

    @classmethod
    def open_memory(
        cls,
        data: Any,
        *,
        name: str = "memory",
        manifest: str | dict[str, Any] | None = None,
        checkpoint: PathLike | None = None,
        device: str | None = None,
    ) -> Model:
        """Opens the bytes of an ONNX file, which are copied; `name` stands in messages. For the rest see
        :meth:`open`."""
        raw = np.frombuffer(data, np.uint8)
        called = to_bytes(name, "name")
        if checkpoint is None and device is None:
            json_ = _manifest_bytes(manifest)
            arguments = (lib.groma_model_open_memory, lib.groma_model_destroy, called, raw.ctypes.data, raw.size, json_)
            return cls._from_handle(create(*arguments))
        options = ctypes.byref(_model_options(manifest, checkpoint, device))
        return cls._from_handle(
            create(
                lib.groma_model_open_memory_with, lib.groma_model_destroy, called, raw.ctypes.data, raw.size, options
            )
        )

    @classmethod
    def default(
        cls,
        *,
        manifest: str | dict[str, Any] | None = None,
        checkpoint: PathLike | None = None,
        device: str | None = None,
    ) -> Model:
        """The default model, which is part of the library: ground, vegetation, buildings and the rest in airborne
        scans. For the options see :meth:`open`."""
        if manifest is None and checkpoint is None and device is None:
            return cls._from_handle(create(lib.groma_model_open_default, lib.groma_model_destroy))
        options = ctypes.byref(_model_options(manifest, checkpoint, device))
        return cls._from_handle(create(lib.groma_model_open_default_with, lib.groma_model_destroy, options))

    @classmethod
    def ensemble(
        cls,
        models: Sequence[Model],
        weights: Sequence[float] | None = None,
        combine: Literal["mean", "vote", "scale"] = "mean",
    ) -> Model:
        """A model made of models with the same classes; they may be closed.

        ``mean`` takes the weighted mean of their probabilities, ``vote`` counts weighted votes (the confidence is the
        share of the votes), ``scale`` lets the member answer whose block size is nearest to that of the call.
        """
        if weights is not None and len(weights) != len(models):
            raise ArgumentError(f"{len(weights)} weights for {len(models)} models; pass one each")
        handles = [model._live for model in models]
        pointers = (ctypes.c_void_p * (len(handles) + 1))(*(h._as_parameter_ for h in handles))
        numbers = None if weights is None else (ctypes.c_double * (len(weights) + 1))(*weights)
        made = create(
            lib.groma_model_open_ensemble,
            lib.groma_model_destroy,
            pointers,
            numbers,
            len(handles),
            choice(_COMBINE, combine, "combine"),
        )
        return cls._from_handle(made)

    @property
    def name(self) -> str:
        """The file name, or ``groma default``."""
        return text(lib.groma_model_name(self._live))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        handle = self._live
        return tuple(text(lib.groma_model_class_name(handle, i)) for i in range(lib.groma_model_class_count(handle)))

    @property
    def manifest(self) -> dict[str, Any]:
        """Feature columns, normalisation, classes, ASPRS codes."""
        handle = self._live
        return json.loads(text(lib.groma_model_manifest_json(handle)))  # type: ignore[no-any-return]

    def describe(self) -> dict[str, Any]:
        """Everything that is known of the model: its manifest, tensors and metadata."""
        handle = self._live
        return json.loads(text(lib.groma_model_describe_json(handle)))  # type: ignore[no-any-return]

    def batches(self) -> list[dict[str, Any]]:
        """Rows a call that suit the model on each of its devices: ``device``, ``rows`` and, where measured,
        ``rows_per_s``. A GPU is measured once, which takes a part of a second, and remembered."""
        return owned_json(lib.groma_model_batches_json, self._live)  # type: ignore[no-any-return]

    def metadata(self, key: str) -> str | None:
        """The value of a key of the ONNX metadata; None if there is no such key."""
        handle = self._live
        found = lib.groma_model_metadata(handle, to_bytes(key, "key"))
        return None if found is None else text(found)

    def classify(
        self,
        points: PointsLike,
        *,
        probabilities: bool = False,
        threads: int = 0,
        search: Search = "auto",
        block_size_m: float = 0.0,
        linear_unit_m: float = 0.0,
        keep_classes: Sequence[int] | None = None,
        dtm: PathLike | None = None,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Classifies points in memory (see :class:`groma.Points` for their forms); n points give n predictions.

        `probabilities` keeps all of them; `threads` 0 is one a core, `block_size_m` 0 that of the manifest (the
        result depends on neither); `linear_unit_m` is the length of a unit of the coordinates; 0 is that of the file
        for a :class:`groma.Cloud`, else a metre. Points whose ``classification`` is one of `keep_classes` keep it.
        `dtm` is a terrain model (GeoTIFF, ESRI ASCII grid), for models that want one.
        """
        read = Points.of(points)
        options = _classify_options(
            probabilities=int(probabilities),
            threads=threads,
            search=choice(SEARCHES, search, "search"),
            block_size_m=block_size_m,
            linear_unit_m=linear_unit_m or read.linear_unit_m,
            dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        )
        classes_array(options, "keep_classes", "keep_class_count", keep_classes)
        with watched(options, progress, cancel):
            handle = create(
                lib.groma_classify_points, lib.groma_result_destroy, self._live, read._pointer, ctypes.byref(options)
            )
        return Result._from_handle(handle)

    def classify_file(
        self,
        input: PathLike,
        output: PathLike,
        *,
        overwrite: bool = False,
        probabilities: bool = False,
        write_confidence: bool = True,
        write_entropy: bool = True,
        point_format: int = -1,
        threads: int = 0,
        search: Search = "auto",
        block_size_m: float = 0.0,
        linear_unit_m: float = 0.0,
        keep_classes: Sequence[int] | None = None,
        dtm: PathLike | None = None,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Classifies a LAS, LAZ or COPC file into another (``.las`` or ``.laz``), which appears whole or not at all.

        The output holds the same points in the same order with their classes replaced, and the dimensions
        ``confidence`` and ``entropy`` unless they are not wanted; `probabilities` adds one dimension a class.
        `point_format` -1 is that of the input, `linear_unit_m` 0 that of its CRS. For the rest see :meth:`classify`.
        """
        options = _classify_options(
            overwrite=int(overwrite),
            probabilities=int(probabilities),
            write_confidence=int(write_confidence),
            write_entropy=int(write_entropy),
            point_format=point_format,
            threads=threads,
            search=choice(SEARCHES, search, "search"),
            block_size_m=block_size_m,
            linear_unit_m=linear_unit_m,
            dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        )
        classes_array(options, "keep_classes", "keep_class_count", keep_classes)
        paths = path_bytes(input, "input"), path_bytes(output, "output")
        with watched(options, progress, cancel):
            handle = create(
                lib.groma_classify_file, lib.groma_summary_destroy, self._live, *paths, ctypes.byref(options)
            )
        return Summary._from_handle(handle)

    def embed(
        self,
        points: PointsLike,
        tensor: str,
        *,
        threads: int = 0,
        search: Search = "auto",
        block_size_m: float = 0.0,
        linear_unit_m: float = 0.0,
        dtm: PathLike | None = None,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> npt.NDArray[np.float32]:
        """What any tensor of the network says of each point: float32 ``[n, width]``.

        `tensor` is the name of one with a row a point; :meth:`describe` lists them. For the rest see :meth:`classify`.
        """
        read = Points.of(points)
        options = _classify_options(
            threads=threads,
            search=choice(SEARCHES, search, "search"),
            block_size_m=block_size_m,
            linear_unit_m=linear_unit_m or read.linear_unit_m,
            dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        )
        with watched(options, progress, cancel):
            value = value_from(
                lib.groma_embed_points, self._live, read._pointer, to_bytes(tensor, "tensor"), ctypes.byref(options)
            )
        return value.numpy()

    def __repr__(self) -> str:
        return "<groma.Model, closed>" if self.closed else f"<groma.Model {self.name!r}>"


def _classify_options(**fields: Any) -> Any:
    return options_of(_low.groma_classify_options_t, lib.groma_classify_options_init, **fields)


def _manifest_bytes(manifest: str | dict[str, Any] | None) -> bytes | None:
    if manifest is None:
        return None
    return to_bytes(manifest if isinstance(manifest, str) else json.dumps(manifest), "manifest")


def _model_options(manifest: str | dict[str, Any] | None, checkpoint: PathLike | None, device: str | None) -> Any:
    return options_of(
        _low.groma_model_options_t,
        lib.groma_model_options_init,
        manifest_json=_manifest_bytes(manifest),
        checkpoint=None if checkpoint is None else path_bytes(checkpoint, "checkpoint"),
        device=None if device is None else to_bytes(device, "device"),
    )
