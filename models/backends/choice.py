"""Picks the back end: the fastest of those that are there and see what they should.

Both are found out by trying, and kept in a folder for the next start, since trying takes seconds.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from models import golden
from models.backends import BACKENDS
from models.backends.onnxruntime import VERSION, OnnxSession, engine_folder, present
from models.backends.record import Outcome, Record, machine
from models.backends.session import ModelFile, Session
from models.errors import ModelError

log = logging.getLogger(__name__)

NOTHING_TO_COMPARE = "the model sees nothing on the golden picture that an answer could be checked by"
TIMED_RUNS = 6
"""The quickest counts: what else the machine does only ever adds."""


class DisagreementError(ModelError):
    """A back end sees something else than it should."""


class Loaded(golden.Sees, Protocol):
    """What is chosen from: a detector."""

    @property
    def metadata(self) -> Mapping[str, str]: ...


T = TypeVar("T", bound=Loaded)


@dataclass(frozen=True, slots=True)
class Option:
    """One way to run a network."""

    backend: str
    precision: str = "f32"

    def tolerance(self, file: ModelFile) -> golden.Tolerance:
        """How near its answers must come."""
        return golden.FULL if self.precision == "f32" and not file.quantised else golden.COARSE

    @property
    def key(self) -> str:
        """Names it and the version of what runs it."""
        return f"{self.backend} {self.precision} of {_runtime(self.backend)}"

    def open(self, file: ModelFile, threads: int, cache: Path | None) -> Session:
        """Loads ``file``; raises :class:`ModelError`."""
        if self.backend != "openvino":
            return OnnxSession(file, threads=threads, backend=self.backend, cache=cache)
        from models.backends.openvino import OpenVinoSession

        return OpenVinoSession(file, threads=threads, precision=self.precision, cache=cache)


REFERENCE = Option("cpu")


def choose(
    made: Callable[[Session], T],
    file: ModelFile,
    backend: str,
    *,
    threads: int,
    cache: Path | None,
    own_labels: bool,
) -> T:
    """The detector that ``made`` makes on the best session for ``file``.

    A named ``backend`` that is missing or sees something else raises :class:`ModelError`; ``auto`` does
    without it. The model's own expected boxes count only with its ``own_labels``.
    """
    if backend not in BACKENDS:
        raise ModelError(f"unknown back end {backend!r}", hint=f"Choose one of: {', '.join(BACKENDS)}.")
    trial = _Trial(made, file, threads, cache, own_labels)
    reasons: list[ModelError] = []
    agreeing: list[Option] = []
    for name in present_for(file, cache) if backend == "auto" else (backend,):
        try:
            agreeing.append(trial.first_that_agrees(name, named=backend != "auto"))
        except ModelError as error:
            if name == REFERENCE.backend and not isinstance(error, DisagreementError):
                raise  # what the plainest cannot load is no model
            reasons.append(error)
    chosen = None
    for option in sorted(agreeing, key=trial.seconds) if len(agreeing) > 1 else agreeing:
        try:
            chosen = trial.opened(option)
            break
        except ModelError as error:  # it is known from an earlier start, but cannot start now
            reasons.append(error)
    if chosen is None:
        raise reasons[0]
    for reason in reasons:
        log.warning("a back end is left out: %s", reason)
    return chosen


def _runtime(backend: str) -> str:
    if backend != "openvino":
        return f"onnxruntime {VERSION}"
    from models.backends.openvino import VERSION as OPENVINO_VERSION

    return f"openvino {OPENVINO_VERSION}"


def present_for(file: ModelFile, cache: Path | None) -> list[str]:
    """Back ends that ``auto`` chooses from for this model, the reference first."""
    names = present()
    # TensorRT builds an engine for minutes: only where that is done, or by name.
    if "tensorrt" in names and (cache is None or not engine_folder(cache, file).is_dir()):
        names.remove("tensorrt")
    if find_spec("openvino") is not None:
        names.append("openvino")
    return names


def _options(backend: str) -> list[Option]:
    """Ways to run on ``backend``, the fastest first; raises :class:`ModelError` where it is missing."""
    if backend == "tensorrt":
        return [Option(backend, "f16")]
    if backend != "openvino":
        return [Option(backend)]
    try:
        from models.backends.openvino import precisions
    except ImportError:
        raise ModelError(
            "OpenVINO is not installed",
            hint='Install Emberwatch with its extra: pip install "emberwatch[openvino]".',
        ) from None
    return [Option(backend, precision) for precision in precisions()]


class _Trial(Generic[T]):
    """Tries the ways to run one model file, each at most once and not at all if it is known."""

    def __init__(
        self,
        made: Callable[[Session], T],
        file: ModelFile,
        threads: int,
        cache: Path | None,
        own_labels: bool,
    ) -> None:
        self._made = made
        self._file = file
        self._threads = threads
        self._cache = cache
        self._own_labels = own_labels
        names = "own" if own_labels else "other"
        asked = f"{file.sha256} with {names} labels, golden picture {golden.picture_id()}"
        self._record = Record(cache, f"{asked}, {threads} threads on {machine()}")
        self._opened: dict[Option, T] = {}

    def opened(self, option: Option) -> T:
        if option not in self._opened:
            self._opened[option] = self._made(option.open(self._file, self._threads, self._cache))
        return self._opened[option]

    def first_that_agrees(self, backend: str, *, named: bool) -> Option:
        """Raises :class:`ModelError` where the back end cannot be had or nothing of it agrees.

        Where there is nothing to compare, it must have been ``named`` by a person.
        """
        found = ""
        for option in _options(backend):
            outcome = self._outcome(option)
            if outcome.disagreement is None:
                return option
            found = outcome.disagreement
        if found == NOTHING_TO_COMPARE and named:
            log.warning("%s is used unchecked: %s", backend, found)
            return option  # the last is the plainest
        if found == NOTHING_TO_COMPARE:
            raise DisagreementError(f"{backend} cannot be checked: {found}")
        raise DisagreementError(
            f"{self._file.path} on the back end {backend} does not see what it should: {found}",
            hint="Choose another back end, or update this one's driver or package.",
        )

    def seconds(self, option: Option) -> float:
        """How long one look at the golden picture takes; for ever where it cannot start."""
        known = self._outcome(option)
        if known.seconds is not None:
            return known.seconds
        try:
            detector, picture = self.opened(option), golden.picture()
        except ModelError:
            return math.inf
        seconds = min(
            _timed(lambda: detector.detect_raw(picture, golden.COUNTS_FROM)) for _ in range(TIMED_RUNS)
        )
        self._record.put(option.key, replace(known, seconds=seconds))
        return seconds

    def _outcome(self, option: Option) -> Outcome:
        known = self._record.get(option.key)
        if known is not None:
            return known
        detector = self.opened(option)
        found = golden.seen_by(detector)
        wanted = golden.expected(detector.metadata) if self._own_labels else None
        if wanted is None:
            wanted = found if option == REFERENCE else golden.seen_by(self.opened(REFERENCE))
        disagreement = golden.disagreement(wanted, found, option.tolerance(self._file))
        if disagreement is None and option != REFERENCE and not golden.counts(wanted):
            disagreement = NOTHING_TO_COMPARE
        outcome = Outcome(disagreement)
        self._record.put(option.key, outcome)
        return outcome


def _timed(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
