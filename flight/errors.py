"""The one root of every error that Emberwatch raises on purpose.

It lives in ``flight`` because that is the room below all others: every room may import this
module, and it imports nothing. Each room derives its own errors beside the code that raises them.
"""


class EmberwatchError(Exception):
    """Something went wrong that a person can act on.

    The message is one plain line that names what was wrong; ``hint`` says what to do next.
    The command line prints both and exits with ``exit_code``; it never shows a traceback for one.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        said = self.message if self.message.endswith("?") else f"{self.message.removesuffix('.')}."
        return f"{said} {self.hint}"
