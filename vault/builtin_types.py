"""The resource types every instance starts with. Pure. Field names are those that executors and clients read.

Notation: `name`, then `*` required, `!` secret, `:type` (integer, boolean, object, array, or `a|b` for one of these
words), `=default`. Text unless said otherwise.
"""

from __future__ import annotations

import json
import re
from typing import Any

_PG = (
    "host* port:integer=5432 user dbname* sslmode:disable|allow|prefer|require|verify-ca|verify-full password! "
    "root_certificate_pem"
)
_NOTED = {
    "postgresql": _PG,
    "redshift": _PG,
    "mysql": "host port:integer=3306 user database password! ssl:boolean root_certificate_pem",
    "ms_sql_server": (
        "host port:integer=1433 user password! dbname instance_name encrypt:boolean trust_cert:boolean ca_cert"
    ),
    "oracledb": "database user password!",
    "snowflake": "account_identifier* username* public_key* private_key*! warehouse* database* schema* role*",
    "snowflake_oauth": "token! account_identifier database schema warehouse role",
    "clickhouse": "host* username password!",
    "mongodb": "db* tls:boolean=true servers*:array credential*:object",
    "mongodb_rest": "endpoint api_key!",
    "redis": "db:integer=0 tls:boolean=true servers*:array credential:object",
    "upstash": "db:integer=0 tls:boolean=true servers*:array credential:object",
    "surrealdb": "url namespace* database* scope* user pass!",
    "faunadb": "region* secret*!",
    "graphql": "base_url bearer_token! custom_headers:object",
    "s3": "bucket* region* useSSL*:boolean=true endPoint* accessKey secretKey! pathStyle*:boolean=false",
    "s3_aws_oidc": "bucket region roleArn",
    "azure_blob": "accountName* containerName* useSSL*:boolean=true endPoint accessKey!",
    "gcloud_storage": "bucket* serviceAccountKey*:object",
    "aws": "awsAccessKeyId* awsSecretAccessKey*! region awsSessionToken!",
    "aws_oidc": "roleArn* region",
    "gcloud": "token!",
    "gcp_service_account": (
        "type project_id private_key_id private_key! client_email client_id auth_uri token_uri "
        "auth_provider_x509_cert_url client_x509_cert_url"
    ),
    "bigquery": (
        "type project_id private_key_id private_key! client_email client_id auth_uri token_uri "
        "auth_provider_x509_cert_url client_x509_cert_url"
    ),
    "azure": "azureTenantId azureClientId azureClientSecret!",
    "gsheets": "token!",
    "gdrive": "token!",
    "gmail": "token!",
    "gcal": "token!",
    "gforms": "token!",
    "gdocs": "token!",
    "gworkspace": "token!",
    "slack": "token!",
    "github": "token!",
    "gitlab": "token! baseUrl",
    "bitbucket": "token!",
    "git_repository": "url* branch folder is_github_app:boolean gpg_key:object",
    "hubspot": "token*!",
    "stripe": "token*!",
    "sendgrid": "token*!",
    "square": "token*!",
    "toggl": "token*!",
    "telegram": "token*!",
    "notion": "token*!",
    "linkedin": "token*!",
    "linear": "apiKey!",
    "datadog": "apiKey*! appKey! apiBase",
    "airtable": "apiKey*!",
    "airtable_table": "baseId* tableName*",
    "discord_webhook": "webhook_url*",
    "discord_bot_configuration": "public_key application_id",
    "ms_teams_webhook": "webhook_url*",
    "matrix": "baseUrl* token!",
    "mastodon": "baseUrl* token!",
    "funkwhale": "baseUrl* token!",
    "nextcloud": "baseUrl* username* password*!",
    "appwrite": "endpoint*=https:// project* key*! self_signed:boolean",
    "mailchimp": "api_key! server",
    "linkding": "token*! baseUrl",
    "supabase": "url key!",
    "smtp": "host* port:integer user password!",
    "kafka": "brokers*:array security:object",
    "nats": "servers*:array auth:object require_tls:boolean",
    "mqtt": "broker* port*:integer credentials:object tls:object",
    "amqp": "host* port:integer username password! vhost=/ tls:boolean",
    "openai": "api_key*! organization_id base_url",
    "azure_openai": "base_url api_key!",
    "azure_foundry": "endpoint api_key!",
    "anthropic": "apiKey*! platform:standard|google_vertex_ai base_url region enable_1m_context:boolean",
    "googleai": "api_key! platform base_url",
    "mistral": "api_key! base_url",
    "deepseek": "api_key! base_url",
    "groq": "api_key! base_url",
    "openrouter": "api_key! base_url",
    "togetherai": "api_key! base_url",
    "aws_bedrock": "region* apiKey! awsAccessKeyId awsSecretAccessKey! awsSessionToken!",
    "customai": "base_url* api_key! headers:object",
    "mcp": "name url* token! headers:object",
    "ssh_target": "host* port:integer=22 user* private_key*! host_pubkey accept_unknown_host:boolean=false",
    "json_schema": "schema:object",
    "state": "",
    "cache": "",
    "app_theme": "",
}
_FILES = {"ansible_inventory": "ini"}

# The parts that the notation cannot say: servers and logins of databases.
_LOGIN = {"username": {"type": "string"}, "password": {"type": "string", "password": True}}


def _server(port: int) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"host": {"type": "string"}, "port": {"type": "integer", "default": port}},
            "required": ["host"],
        },
    }


_DETAILS: dict[str, dict[str, Any]] = {
    "mongodb": {
        "servers": _server(27017),
        "credential": {
            "type": "object",
            "properties": {
                **_LOGIN,
                "db": {"type": "string"},
                "mechanism": {"type": "string", "default": "SCRAM-SHA-1"},
            },
            "required": ["username", "password", "db"],
        },
    },
    "redis": {"servers": _server(6379), "credential": {"type": "object", "properties": _LOGIN}},
    "upstash": {"servers": _server(6379), "credential": {"type": "object", "properties": _LOGIN}},
    "mqtt": {"credentials": {"type": "object", "properties": _LOGIN}},
    "kafka": {"brokers": {"type": "array", "items": {"type": "string"}}},
    "nats": {"servers": {"type": "array", "items": {"type": "string"}}},
}
_FIELD = re.compile(r"(\w+)(\*?)(!?)(?::([\w|-]+))?(?:=(\S+))?\Z")


def schema_of(noted: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The JSON schema of fields in the notation above.

    >>> schema_of("host* port:integer=5432")["properties"]["port"]
    {'type': 'integer', 'default': 5432}
    """
    properties: dict[str, Any] = {}
    required = []
    for field in noted.split():
        match = _FIELD.match(field)
        if match is None:
            raise ValueError(f"{field!r} is not a field")
        name, is_required, is_secret, kind, default = match.groups()
        properties[name] = (details or {}).get(name) or _property(kind, default, is_secret=bool(is_secret))
        if is_required:
            required.append(name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "order": list(properties),
    }


def builtin_types() -> list[dict[str, Any]]:
    """Name, schema and file extension of each."""
    noted = [
        {"name": name, "schema": schema_of(fields, _DETAILS.get(name)), "format_extension": None}
        for name, fields in _NOTED.items()
    ]
    files = [
        {"name": name, "schema": schema_of("content"), "format_extension": extension}
        for name, extension in _FILES.items()
    ]
    return noted + files


def _property(kind: str | None, default: str | None, *, is_secret: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind or "string"}
    if kind and "|" in kind:
        found = {"type": "string", "enum": kind.split("|")}
    if default is not None:
        found["default"] = default if found["type"] == "string" else json.loads(default)
    if is_secret:
        found["password"] = True
    return found
