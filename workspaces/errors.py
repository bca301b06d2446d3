"""Errors a caller can cause, with the status and the text prefix the API answers (Windmill's wording of the kinds)."""


class WindmillError(Exception):
    """What happened, where, what to do: `message` is shown to people, so it never holds internals or secrets."""

    status = 500
    prefix = "Internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def text(self) -> str:
        """One line for the API's text/plain body."""
        return f"{self.prefix}: {' '.join(self.message.split())}"


class BadRequest(WindmillError):
    status = 400
    prefix = "Bad request"


class NotAuthorized(WindmillError):
    """No credential, or one that is unknown, expired or dead."""

    status = 401
    prefix = "Not authorized"


class Forbidden(WindmillError):
    status = 403
    prefix = "Permission denied"


class NotFound(WindmillError):
    status = 404
    prefix = "Not found"


class Conflict(WindmillError):
    """Written on an outdated version, or another body under a used idempotency key."""

    status = 409
    prefix = "Conflict"


class TooLarge(WindmillError):
    status = 413
    prefix = "Too large"


class UnsupportedMedia(WindmillError):
    status = 415
    prefix = "Unsupported media type"


class Unprocessable(WindmillError):
    """Well-formed JSON that lacks or mistypes a field."""

    status = 422
    prefix = "Bad request"


class TooMany(WindmillError):
    """Asked too often; `message` says when to try again."""

    status = 429
    prefix = "Too many requests"


class Internal(WindmillError):
    """A condition of the platform the caller must hear of (time-out of a synchronous run, queue too long)."""


class Unavailable(WindmillError):
    status = 503
    prefix = "Unavailable"
