"""The errors that a user meets: each message says what to do, each class has an exit code."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 130


class ColorizeError(Exception):
    """Base of all errors that are the user's to solve; shown without a traceback."""

    exit_code = EXIT_FAILED


class ImageError(ColorizeError):
    """A photograph that cannot be read or written; never stops a run."""


class UsageError(ColorizeError):
    """Options or inputs that make no sense together, or no input at all."""

    exit_code = EXIT_USAGE


class OutputError(ColorizeError):
    """The output folder can no longer be written to, which ends a run in its midst."""


class DeviceError(ColorizeError):
    """A device asked for by name that cannot run here."""

    exit_code = EXIT_ENVIRONMENT


class OutOfMemoryError(DeviceError):
    """A device that has too little memory for what it was asked to compute at once."""


class ModelError(ColorizeError):
    """A bundle that is missing, damaged or of an unknown format."""

    exit_code = EXIT_ENVIRONMENT


class CheckError(ColorizeError):
    """An exported bundle that does not compute what its network does; it is not kept."""


class MissingExtraError(ColorizeError):
    """A command needs an optional extra that is not installed."""

    exit_code = EXIT_ENVIRONMENT


def reason_of(error: BaseException) -> str:
    """Put an error in one line for people."""
    if isinstance(error, ColorizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
