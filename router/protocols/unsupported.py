"""What one protocol says and another has no words for: refused by name, never dropped silently."""


class Unsupported(Exception):
    """This backend cannot be sent the request; `param` is what its protocol cannot express."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param
