"""What goes wrong between two protocols: three exceptions, all told by sans-I/O code."""


class Unsupported(Exception):
    """The target cannot say what the request asks for; `param` is what it cannot say.

    Another backend, which can, may be asked instead.
    """

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


class MalformedReply(Exception):
    """The answer is not what its protocol says: not JSON, no choices, cut in the middle."""


class ErrorInside(Exception):
    """The server answered 200 and put an error into the body or the stream.

    `status` is the HTTP status it should have been.
    """

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
