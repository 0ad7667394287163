"""HTTP connections with the environment's proxy and certificates.

HTTPS_PROXY, HTTP_PROXY and NO_PROXY work as in curl, AWS_CA_BUNDLE as in boto3. So one setting
serves all tools and AWS.
"""

import os
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from chalicelib.settings import is_loopback


def connections(url: str, at_once: int = 1) -> urllib3.PoolManager:
    """A pool for `url` and all hosts with the same proxy. at_once: connections kept a host."""
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
    """The proxy's URL; empty if none is needed, as for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_loopback(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"
