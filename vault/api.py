"""The API of variables and resources."""

from vault.api_resources import router as resources
from vault.api_types import router as types
from vault.api_variables import router as variables

ROUTERS = [
    ("/w/{workspace}/variables", variables),
    ("/w/{workspace}/resources/type", types),
    ("/w/{workspace}/resources", resources),
]
