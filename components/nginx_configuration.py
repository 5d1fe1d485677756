"""What nginx should be told: pure values, no Pulumi.

Works with nginx 1.18 to 1.26, https://nginx.org/en/docs/http/ngx_http_proxy_module.html. The scripts that install it
put what depends on the host into the host's words: `http2` of newer versions, and IPv6.
"""

from components.public_url import REQUEST_SECONDS, UPSTREAM_IDLE_SECONDS, filled, lasts
from components.settings.nginx import NginxSettings


def redirect_configuration(settings: NginxSettings) -> str:
    """Return the nginx configuration that sends from HTTP to HTTPS, and answers ACME authorities."""
    return filled(
        "nginx-redirect",
        {
            "http_port": str(settings.http_port),
            "server_name": settings.server_name,
            "authority": settings.authority,
        },
    )


def site_configuration(settings: NginxSettings, *, certificate: str, upstream_port: int) -> str:
    """Return the nginx configuration that shows Prefect; `certificate` is the path of the chain and its key."""
    header = '    add_header Strict-Transport-Security "max-age=31536000" always;\n'
    passed = "nginx-sub-path" if settings.path else "nginx-root"
    return filled(
        "nginx-site",
        {
            "https_port": str(settings.https_port),
            "upstream_port": str(upstream_port),
            "idle_seconds": str(UPSTREAM_IDLE_SECONDS),
            "request_seconds": str(REQUEST_SECONDS),
            "server_name": settings.server_name,
            "authority": settings.authority,
            "certificate": certificate,
            "strict_transport_security": header if lasts(settings) else "",
            "locations": filled(
                passed, {"path": settings.path, "authority": settings.authority, "public_url": settings.public_url}
            ),
        },
    )
