"""What a run is asked to be: the options of ``bsep train`` that say how it begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bsep_stream.errors import ConfigError
from bsep_stream.train.hints import Hints

if TYPE_CHECKING:
    from bsep_stream.train.loop import Training


@dataclass(frozen=True)
class RunRequest:
    """A run to be begun.

    Parameters
    ----------
    recordings : sequence of Path
        Takes of one session.
    names : tuple of str
        Of the sources.
    output : Path
        Folder of the run.
    preset : str
    iterations : int or None
        Instead of the preset's.
    minutes : float or None
        For all of it.
    seed, seeds : int
        The first seed, and how many are raced.
    device : str
    init : Path or None
        A run whose network and dictionary it starts from.
    polyphony : tuple of int
        Tones at once of every source; empty: one each.
    hints : Hints
        What is known of who plays.
    """

    recordings: Sequence[Path]
    names: tuple[str, ...]
    output: Path
    preset: str = "fast"
    iterations: int | None = None
    minutes: float | None = None
    seed: int = 0
    seeds: int = 1
    device: str = "auto"
    init: Path | None = None
    polyphony: tuple[int, ...] = ()
    hints: Hints = field(default_factory=Hints)

    def begin(self, on_search: Callable[[], None] | None = None) -> Training | None:
        """Begin the run; with several seeds, open the race, and return None.

        Parameters
        ----------
        on_search : callable, optional
            Called now and then during the search.

        Raises
        ------
        ConfigError, RunError, AudioError
            If an option makes no sense, there is a run already, or a recording cannot be used.
        """
        # Not at the head: whoever calls may have to set up torch before it is imported.
        from bsep_stream.train.device import resolve_device
        from bsep_stream.train.presets import preset_config
        from bsep_stream.train.race import begin_race
        from bsep_stream.train.start import start_training

        config = replace(preset_config(self.preset, self.names, self.polyphony), hints=self.hints)
        if self.hints and (self.init is not None or config.imitation.iterations == 0):
            raise ConfigError(
                "--solo and --notes are for the search for tones, which a run with --init or the preset paper does not "
                "begin with: leave them out"
            )
        if self.hints and len(self.recordings) > 1:
            raise ConfigError("--solo and --notes speak of the times of one recording: give one MIX")
        if self.iterations is not None:
            config = replace(config, iterations=self.iterations)
        seconds = None if self.minutes is None else 60 * self.minutes
        device = resolve_device(self.device)
        if self.seeds > 1:
            seeds = range(self.seed, self.seed + self.seeds)
            begin_race(
                self.recordings,
                config,
                self.output,
                seeds=seeds,
                target_seconds=seconds,
                device=str(device),
                init=self.init,
            )
            return None
        return start_training(
            self.recordings,
            config,
            self.output,
            seed=self.seed,
            target_seconds=seconds,
            device=device,
            init=self.init,
            on_search=on_search,
        )
