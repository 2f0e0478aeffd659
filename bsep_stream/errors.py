"""Errors that a user can cause. Each message is one sentence: what was expected, what came, what to do."""

from bsep_stream.plain import shown


class BsepError(ValueError):
    """Base of every error that the user can mend; the command line prints it and exits with 2.

    Examples
    --------
    >>> from bsep_stream import BsepError, separate
    >>> try:
    ...     separate("nowhere.onnx", "duet.wav")
    ... except BsepError as error:
    ...     print(error)
    there is no model file nowhere.onnx; give the path of an ONNX file made by 'bsep export'
    """

    def __str__(self) -> str:
        return shown(super().__str__())  # names in it are of files, and anything


class AudioError(BsepError):
    """A recording that cannot be read, written or used."""


class ModelError(BsepError):
    """An ONNX file that is not a model of this package, or a newer or damaged one."""


class ConfigError(BsepError):
    """A setting, source list or rack that makes no sense."""


class RackError(ConfigError):
    """A rack file with mistakes; the message has the first.

    Parameters
    ----------
    mistakes : tuple of str
        All of them, a sentence each.
    """

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes

    def __str__(self) -> str:
        more = len(self.mistakes) - 1
        return shown(self.mistakes[0]) + (f" (and {more} more: `bsep rack check` lists them)" if more else "")


class RunError(BsepError):
    """A training run folder or checkpoint that cannot be used."""


class JobError(BsepError):
    """A job of many whose worker died, or a cluster that is gone."""


class StreamError(BsepError):
    """A block that does not fit the stream; the stream is unharmed."""


class DeviceError(BsepError):
    """An audio device that is not there, or does not do what is asked."""


class MissingDependency(BsepError):
    """An optional part of the package that is not installed."""


class BusyError(BsepError):
    """An output that another process is writing at this moment."""


class NotesError(BsepError):
    """A file of notes that cannot be read or compared."""


INSTALL_TRAINING = (
    'pip install "bsep-stream[train]" (on Linux without a GPU, where torch would bring gigabytes of CUDA, before it: '
    "pip install torch --index-url https://download.pytorch.org/whl/cpu)"
)
"""End of the sentence where torch is missing."""
