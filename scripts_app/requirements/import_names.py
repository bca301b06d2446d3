"""Which package an import comes from, where the two are not called alike."""

import re

BASE_MODULES = frozenset({"wmill"})  # always there, never resolved

FULL_NAMES = {
    "azure.storage.filedatalake": "azure-storage-file-datalake",
    "azure.storage.fileshare": "azure-storage-file-share",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
}
# Namespaces whose packages are called by their dotted name: azure.mgmt.dns → azure-mgmt-dns.
DASHED_NAMESPACES = (
    "google.cloud", "azure.mgmt", "azure.keyvault", "azure.storage", "azure.ai", "azure.data", "azure",
)  # fmt: skip

ROOT_NAMES = {
    "Crypto": "pycryptodome",
    "Levenshtein": "python-Levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "atlassian": "atlassian-python-api",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "github": "PyGithub",
    "gitlab": "python-gitlab",
    "googleapiclient": "google-api-python-client",
    "googlecloudbigquery": "google-cloud-bigquery",
    "haystack": "haystack-ai",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "ldap": "python-ldap",
    "lokalise": "python-lokalise-api",
    "magic": "python-magic",
    "mailparser": "mail-parser",
    "msgraph": "msgraph-sdk",
    "msoffcrypto": "msoffcrypto-tool",
    "mysql": "mysql-connector-python",
    "nacl": "pynacl",
    "ns1": "ns1-python",
    "opensearchpy": "opensearch-py",
    "pkg_resources": "setuptools",
    "playhouse": "peewee",
    "pptx": "python-pptx",
    "psycopg": "psycopg[binary,pool]",
    "psycopg2": "psycopg2-binary",
    "pymsql": "PyMySQL",
    "pythonjsonlogger": "python-json-logger",
    "riskfolio": "riskfolio-lib",
    "seleniumwire": "selenium-wire",
    "serial": "pyserial",
    "shapefile": "pyshp",
    "shopify": "ShopifyAPI",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "smb": "pysmb",
    "smbclient": "smbprotocol",
    "socks": "PySocks",
    "tabula": "tabula-py",
    "taiga": "python-taiga",
    "telegram": "python-telegram-bot",
    "tenable": "pytenable",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vt": "vt-py",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

API_VERSION = re.compile(r"_v\d+\w*$")


def requirement_of(module: str) -> str:
    """The requirement that provides the imported dotted name `module`.

    >>> requirement_of("yaml"), requirement_of("google.cloud.storage.blob"), requirement_of("my_lib.x")
    ('pyyaml', 'google-cloud-storage', 'my-lib')
    """
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if known := FULL_NAMES.get(".".join(parts[:length])):
            return known
    for namespace in DASHED_NAMESPACES:
        depth = namespace.count(".") + 1
        if parts[:depth] == namespace.split(".") and len(parts) > depth:
            return "-".join([*parts[:depth], API_VERSION.sub("", parts[depth]).replace("_", "-")])
    return ROOT_NAMES.get(parts[0], parts[0].replace("_", "-"))
