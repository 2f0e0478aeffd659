"""Whose an xrun was: JACK tells every client of everybody's, and PortAudio hands that on as sound that we lost."""

from __future__ import annotations

JACK = "JACK Audio Connection Kit"
"""PortAudio's name of it."""

_BEFORE, _AFTER = 8, 4  # blocks around the news of an xrun in which ours shows
_SHARE = 0.75  # of a block: one less what even the soonest call comes late


class OwnXruns:
    """Those flags of a JACK stream, in blocks of the server's size, that mean lost sound.

    The server's clock says how far the blocks that we got are behind time. Each is a little, by how soon we were
    called. Only a block that came in the time of another one, too late or twice or after some that did not come,
    differs from its neighbours by about its own length; without such a block the xrun was somebody else's.

    Parameters
    ----------
    sample_rate : int
        Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._behind = [0.0] * _BEFORE
        self._n_blocks = self._n_samples = 0
        self._open, self._until = 0, 0  # flags that are not decided, and the block that decides them

    def count(self, seconds: float, n: int, flagged: bool) -> int:
        """Flags that have turned out to be ours.

        Parameters
        ----------
        seconds : float
            The server's time now.
        n : int
            Samples of this block.
        flagged : bool
            Whether it brings news of an xrun.
        """
        behind = seconds * self._rate - self._n_samples
        if self._n_blocks == 0:
            self._behind = [behind] * _BEFORE
        self._behind[self._n_blocks % _BEFORE] = behind
        self._n_blocks += 1
        self._n_samples += n
        if flagged:
            self._open += 1
            self._until = self._n_blocks + _AFTER
        if not self._open:
            return 0
        ours = max(self._behind) - min(self._behind) >= _SHARE * n
        if not ours and self._n_blocks < self._until:
            return 0
        found, self._open = (self._open if ours else 0), 0
        return found
