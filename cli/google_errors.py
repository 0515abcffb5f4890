"""What Google's clients raise, in the words of this project: what happened and what to do now."""

import requests
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError

from cli.place import Place

EXPECTED = (GoogleAPIError, GoogleAuthError, requests.RequestException)
"""All that a call to Google may raise."""

_LOG_IN = "gcloud auth application-default login"
_NOT_REACHED = (requests.RequestException, TransportError, RetryError, ServerError, TooManyRequests)


def explain(error: Exception, place: Place) -> str:
    """A sentence and the next step, for any of EXPECTED."""
    if isinstance(error, _NOT_REACHED):
        return _not_reached(error, place)
    if isinstance(error, DefaultCredentialsError):
        return f"This computer has no credentials for Google Cloud. Run: {_LOG_IN}"
    if isinstance(error, GoogleAuthError | Unauthorized):
        return f"Google did not accept this computer's credentials. Run again: {_LOG_IN}"
    if isinstance(error, Forbidden):
        return (
            f"You may not do that in the project {place.project}: {_message(error)} "
            f"Sign in as the project's owner ({_LOG_IN}), or have the owner grant it."
        )
    if isinstance(error, NotFound):
        return f"The project {place.project} lacks what this needs: {_message(error)} Apply terraform/ first."
    return f"Google Cloud refused the request: {_message(error)}"


def _not_reached(error: Exception, place: Place) -> str:
    if place.laptop:
        return (
            f"The laptop cloud did not answer as it should ({type(error).__name__}). Is it still running? "
            f"Its logs: {place.laptop.directory / 'logs'}"
        )
    return f"Google Cloud did not answer ({type(error).__name__}). Try again in a minute."


def _message(error: Exception) -> str:
    text = error.message if isinstance(error, GoogleAPICallError) else str(error)
    return text.strip().rstrip(".") + "."
