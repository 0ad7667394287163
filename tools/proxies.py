"""Connections of the tools: by the environment's proxy, trusting whom it says.

HTTPS_PROXY, HTTP_PROXY and NO_PROXY are read as Python and curl read them, AWS_CA_BUNDLE as boto3
does, so that what a network needs is said once for all tools and for AWS.
"""

import os
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from chalicelib.settings import is_loopback


def connections(url: str, at_once: int = 1) -> urllib3.PoolManager:
    """Connections that lead to `url`, and to all hosts with the same proxy.

    at_once: how many to a host are kept.
    """
    options: dict[str, Any] = {"maxsize": at_once}
    if authorities := os.environ.get("AWS_CA_BUNDLE"):
        options["ca_certs"] = authorities
    proxy = proxy_for(url)
    if not proxy:
        return urllib3.PoolManager(**options)
    user = urlsplit(proxy)
    if user.username:
        secret = f"{unquote(user.username)}:{unquote(user.password or '')}"
        options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=secret)
    return urllib3.ProxyManager(proxy, **options)


def proxy_for(url: str) -> str:
    """The URL of the proxy that leads there; empty where none does, as to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_loopback(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"
