"""Runs over tiles on a Ray cluster (``pip install groma[ray]``).

>>> import groma.ray
>>> summary = groma.ray.run("/shared/tiles", "/shared/classified", actors=8)
>>> summary["failed"]
0

Every actor holds a model of its own, and the tiles lie in folders that all nodes see. What comes back from a tile is a
receipt, not data. A tile is published exactly once, whoever makes it and however often it is tried: its output appears whole, and
never over another.

An actor that is lost, with its node or alone, is not restarted by Ray: the driver gives its tile to another actor and starts a new
actor where there is room. A tile whose actors die again and again is given up with its reason; all others are finished.
"""

from __future__ import annotations

import importlib
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Callable, Union

from ._errors import Cancelled, DeviceError, GromaError

try:
    # Not by name: this module is called like it, and whoever checks types need not have it.
    ray: Any = importlib.import_module("ray")
except ImportError as error:
    raise ImportError("groma.ray needs Ray: pip install groma[ray]") from error

__all__ = ["run"]

PathLike = Union[str, "os.PathLike[str]"]

#: How often a tile is given to an actor before it is given up.
ATTEMPTS = 3
#: How long the driver waits for news before it looks after lost actors, in seconds.
PATIENCE_S = 5.0
#: State of a receipt of an actor whose device failed.
LOST = "lost"
#: Called with what became of a tile.
Watch = Callable[[dict[str, Any]], None]


def _device(device: str | None, num_gpus: float) -> str:
    """The device of an actor's model. Ray shows an actor the GPUs that it was given, and no others."""
    if device is not None:
        return device
    return "cuda" if num_gpus > 0 else "cpu"


def run(
    inputs: PathLike | Iterable[PathLike],
    output: PathLike,
    *,
    model: PathLike | None = None,
    actors: int | None = None,
    num_cpus: float = 1.0,
    num_gpus: float = 0.0,
    threads: int | None = None,
    device: str | None = None,
    attempts: int = ATTEMPTS,
    tile_timeout_s: float | None = None,
    on_tile: Watch | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Classifies tiles on the cluster that Ray is connected to (else it starts a local one).

    `inputs` and `output` are paths that mean the same on every node; `model` is an ONNX file there, by default the one
    inside Groma. `actors` is their number, by default as many as the cluster has room for; each takes `num_cpus` and
    `num_gpus` (0.25 lets four share a GPU) and computes with `threads` threads, by default `num_cpus`. `device` is that of the
    model: by default ``cuda`` for actors that take a share of a GPU, and ``cpu`` for others. `tile_timeout_s` gives a tile
    that takes longer to another actor as well; the first output counts. `on_tile` hears of every tile. `options` are those
    of :meth:`groma.Run.open` (`resume`, `overwrite`, `probabilities`, ...).

    Gives what :meth:`groma.Run.execute` gives, as a dict, with ``lost_actors`` and, for each tile, ``attempts``.
    """
    if not ray.is_initialized():
        ray.init()
    began = time.monotonic()
    threads = max(1, round(num_cpus)) if threads is None else threads
    setup: dict[str, Any] = {
        "inputs": _paths(inputs),
        "output": os.path.abspath(os.fspath(output)),
        "model": None if model is None else os.path.abspath(os.fspath(model)),
        "device": _device(device, num_gpus),
        "threads": threads,
        "options": options,
    }
    pool = _Pool(setup, num_cpus, num_gpus, actors)
    try:
        plan = dict(pool.ask("plan"))
        tiles = plan["tiles"]
        todo = [number for number, tile in enumerate(tiles) if tile.get("reason") is None]

        def note(number: int, receipt: dict[str, Any]) -> None:
            tiles[number].update(receipt)
            if on_tile is not None:
                on_tile(tiles[number])

        # All indices first: a tile looks at those of its neighbours.
        indexed = _Spread(pool, "index", todo, attempts, tile_timeout_s).all(None)
        bad = {number: receipt for number, receipt in indexed.items() if receipt["state"] == "failed"}
        for number, receipt in bad.items():
            note(number, receipt)
        _Spread(pool, "make", [n for n in todo if n not in bad], attempts, tile_timeout_s).all(note)
        try:
            pool.ask("finish")
        except (GromaError, RuntimeError, ray.exceptions.RayError) as error:
            # The tiles are there all the same.
            plan["remarks"].append(f"what lost actors left in {setup['output']} was not removed: {error}")
    finally:
        pool.close()
    plan["seconds"] = time.monotonic() - began
    plan["lost_actors"] = pool.lost
    for state in ("done", "kept", "failed", "open"):
        plan[state] = sum(tile["state"] == state for tile in tiles)
    return plan


def _paths(inputs: PathLike | Iterable[PathLike]) -> list[str]:
    paths = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    return [os.path.abspath(os.fspath(path)) for path in paths]


class _Worker:
    """A model and a run, in a process of its own somewhere in the cluster."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._setup = setup
        self._threads = setup["threads"]
        self._node = ray.get_runtime_context().get_node_id()
        self._opened: Any = None

    @property
    def _run(self) -> Any:
        """Opened by the first call, which can say what is wrong; a constructor can only die of it."""
        if self._opened is None:
            import groma

            setup = self._setup
            path, device = setup["model"], setup["device"]
            self._model = groma.Model.default(device=device) if path is None else groma.Model.open(path, device=device)
            self._opened = groma.Run.open(self._model, setup["inputs"], setup["output"], **setup["options"])
        return self._opened

    def here(self) -> None:
        """Answers as soon as there is room for this actor."""

    def plan(self) -> dict[str, Any]:
        return dict(self._run.describe())

    def finish(self) -> None:
        self._run.finish()

    def index(self, tile: int) -> dict[str, Any]:
        try:
            self._run.index(tile, threads=self._threads)
        except Cancelled:
            raise
        except GromaError as error:
            return {"state": "failed", "reason": str(error), "node": self._node}
        return {"state": "open", "node": self._node}

    def make(self, tile: int) -> dict[str, Any]:
        try:
            with self._run.make(tile, threads=self._threads) as summary:
                receipt: dict[str, Any] = summary.details
        except Cancelled:
            raise
        except DeviceError as error:
            # Not the tile's doing: another actor, on another device, takes it.
            return {"state": LOST, "reason": str(error), "node": self._node}
        except GromaError as error:
            return {"state": "failed", "reason": str(error), "node": self._node}
        receipt["node"] = self._node
        return receipt


class _Pool:
    """The actors that are there. Ray restarts none: one that was lost is replaced here, its tile given to another."""

    def __init__(self, setup: dict[str, Any], num_cpus: float, num_gpus: float, actors: int | None) -> None:
        self._setup = setup
        self._kind = ray.remote(
            num_cpus=num_cpus, num_gpus=num_gpus, max_restarts=0, max_task_retries=0, max_concurrency=1
        )(_Worker)
        self._wanted = self._room(num_cpus, num_gpus) if actors is None else max(1, actors)
        self.free: list[Any] = []
        #: Actors that Ray has no room for yet, by the call that they will answer: no tile waits for one of them.
        self.coming: dict[Any, Any] = {}
        self._all: list[Any] = []
        self.lost = 0
        self._stillborn = 0
        self.fill()

    @staticmethod
    def _room(num_cpus: float, num_gpus: float) -> int:
        """How many actors the nodes have room for: each needs all it takes on one node."""
        wanted = {kind: share for kind, share in (("CPU", num_cpus), ("GPU", num_gpus)) if share}
        there = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not wanted:
            return max(1, len(there))
        room = sum(
            # Shares are kept in steps of 0.0001 by Ray; a third of a GPU has room three times.
            min(int(node.get(kind, 0.0) / share + 1e-3) for kind, share in wanted.items())
            for node in there
        )
        if room < 1:
            sizes = "; ".join(", ".join(f"{node.get(kind, 0.0):g} {kind}" for kind in ("CPU", "GPU")) for node in there)
            raise ValueError(
                f"no node has room for an actor with num_cpus={num_cpus:g} and num_gpus={num_gpus:g}; nodes have {sizes}. "
                "Ask for less, or say with `actors` how many to start when nodes come"
            )
        return min(room, 1024)

    def fill(self) -> None:
        """Starts actors until there are as many as wanted; those without room wait in Ray for it."""
        while len(self._all) < self._wanted:
            actor = self._kind.remote(self._setup)
            self._all.append(actor)
            self.coming[actor.here.remote()] = actor

    def arrived(self, call: Any) -> None:
        """The actor of a call in `coming` answers, or never will."""
        actor = self.coming.pop(call)
        try:
            ray.get(call)
            self.free.append(actor)
            self._stillborn = 0
        except ray.exceptions.RayActorError as error:
            self._stillborn += 1
            if self._stillborn >= ATTEMPTS * self._wanted:
                raise RuntimeError(f"actors die as soon as they are started; the last: {error}") from error
            self.drop(actor, replace=True)

    def drop(self, actor: Any, replace: bool) -> None:
        """Forgets an actor that was lost."""
        if actor in self._all:
            self._all.remove(actor)
            self.lost += 1
        if not replace:
            # With a node its room is gone as well: fewer actors from now on, but one at least.
            self._wanted = max(1, self._wanted - 1)
        self.fill()

    def forget(self, actor: Any) -> None:
        """Lets go of an actor that is at work on what nobody needs any more."""
        ray.kill(actor)
        self._all.remove(actor)

    def ask(self, what: str) -> Any:
        """What the first actor that is free says; an error of the run is raised as what it is."""
        for _ in range(ATTEMPTS):
            self.fill()
            while not self.free:
                for call in ray.wait(list(self.coming), num_returns=1)[0]:
                    self.arrived(call)
            actor = self.free[0]
            try:
                return ray.get(getattr(actor, what).remote())
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, GromaError):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                self.free.remove(actor)
                self.drop(actor, replace=True)
        raise RuntimeError(f"{ATTEMPTS} actors, one after the other, did not live long enough to say anything")

    def close(self) -> None:
        """Lets go of all actors."""
        for actor in self._all:
            ray.kill(actor)


class _Spread:
    """Gives tiles to actors until all are settled."""

    def __init__(
        self, pool: _Pool, what: str, tiles: Iterable[int], attempts: int, timeout_s: float | None
    ) -> None:
        self._pool = pool
        self._what = what
        self._todo = deque(tiles)
        self._attempts = max(1, attempts)
        self._timeout_s = timeout_s
        self._tried: dict[int, int] = {}
        self._lost: dict[int, int] = {}
        self._settled: dict[int, dict[str, Any]] = {}
        #: What each call works on: actor, tile, and since when.
        self._at_work: dict[Any, tuple[Any, int, float]] = {}
        self._doubled: set[int] = set()

    def all(self, note: Callable[[int, dict[str, Any]], None] | None) -> dict[int, dict[str, Any]]:
        """Settles all tiles, and tells `note` of each once."""
        self._pool.fill()
        while self._todo or self._pending():
            self._hand_out()
            ready, _ = ray.wait([*self._at_work, *self._pool.coming], num_returns=1, timeout=PATIENCE_S)
            for call in ready:
                if call in self._pool.coming:
                    self._pool.arrived(call)
                    continue
                actor, tile, _ = self._at_work.pop(call)
                try:
                    receipt = ray.get(call)
                    if receipt["state"] == LOST:
                        ray.kill(actor)
                        receipt = self._lose(actor, tile, receipt["reason"])
                    else:
                        self._pool.free.append(actor)
                except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
                    receipt = self._lose(actor, tile, str(error))
                except ray.exceptions.RayTaskError as error:
                    self._pool.free.append(actor)
                    receipt = {"state": "failed", "reason": str(error.cause or error)}
                if receipt is None or tile in self._settled:
                    continue
                receipt["attempts"] = self._tried[tile]
                self._settled[tile] = receipt
                if note is not None:
                    note(tile, receipt)
            self._double()
        # What is still at work was overtaken. It is waited for, as what it holds is not to be cleaned up before it is gone.
        if self._at_work:
            for actor, _, _ in self._at_work.values():
                self._pool.forget(actor)
            ray.wait(list(self._at_work), num_returns=len(self._at_work), timeout=PATIENCE_S)
        return self._settled

    def _pending(self) -> bool:
        """Whether a call is at work on a tile that is not settled; one that was overtaken is not waited for."""
        return any(tile not in self._settled for _, tile, _ in self._at_work.values())

    def _hand_out(self) -> None:
        while self._todo and self._pool.free:
            tile = self._todo.popleft()
            if tile in self._settled:
                continue
            actor = self._pool.free.pop(0)
            self._tried[tile] = self._tried.get(tile, 0) + 1
            call = getattr(actor, self._what).remote(tile)
            self._at_work[call] = (actor, tile, time.monotonic())

    def _lose(self, actor: Any, tile: int, error: str) -> dict[str, Any] | None:
        """An actor is gone: its tile goes to another, unless it seems to be the tile's doing."""
        node_gone = "node" in error.lower() and "died" in error.lower()
        self._pool.drop(actor, replace=not node_gone)
        self._lost[tile] = self._lost.get(tile, 0) + 1
        if self._lost[tile] >= self._attempts:
            reason = f"{self._lost[tile]} actors were lost while they worked on it; the last: {error}"
            return {"state": "failed", "reason": reason}
        # Last, so that a tile that kills actors does not keep the others waiting.
        self._todo.append(tile)
        return None

    def _double(self) -> None:
        """Gives tiles that take too long to another actor as well, once."""
        if self._timeout_s is None or self._todo:
            return
        for _, tile, since in list(self._at_work.values()):
            late = time.monotonic() - since > self._timeout_s
            if late and tile not in self._doubled and tile not in self._settled:
                self._doubled.add(tile)
                self._todo.append(tile)
