"""What one protocol says and another has no words for: refused by name, never dropped silently."""


class Unsupported(Exception):
    """This backend cannot be asked what the request asks for; `param` is what it cannot be told."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param
