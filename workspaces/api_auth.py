"""Log in and out by API."""

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from workspaces import accounts, login_cookie, tokens
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["auth"])


class Login(Schema):
    email: str
    password: str


@router.post("/login", role=Role.PUBLIC)
def login(request: HttpRequest, payload: Login) -> HttpResponse:
    """A login token as text, and as the cookie `token`."""
    minted = accounts.log_in(payload.email, payload.password, address=login_cookie.client_address(request))
    response = text(minted.text)
    login_cookie.put(response, minted.text)
    return response


@router.post("/logout", role=Role.LOGIN, any_token=True)
def logout(request: PageRequest) -> HttpResponse:
    """End this login; an API token stays (it is deleted as a token)."""
    tokens.end_login(request.principal)
    response = text("logged out")
    login_cookie.drop(response)
    return response
