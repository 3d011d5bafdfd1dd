"""What one protocol says and another has no words for: refused by name, never dropped silently."""


class Unsupported(Exception):
    """This backend cannot be sent the request; `param` is what its protocol cannot express.

    `advice` says what a client may do instead, where that is not plain.
    """

    def __init__(self, param: str, advice: str = "") -> None:
        super().__init__(param)
        self.param = param
        self.advice = advice
