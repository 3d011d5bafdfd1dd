"""nginx and HAProxy in front of a gateway, where they are installed, and what they passed on."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Final

import patience
from ports import free_port, is_taken

_NGINX: Final = """\
master_process off;
daemon off;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 512; }}
http {{
  log_format status '$upstream_status';
  access_log {folder}/log status;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  upstream gateway {{ server 127.0.0.1:{gateway}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 200ms;
    location / {{
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""
_HAPROXY: Final = """\
global
  log stdout format raw daemon
  maxconn 512
defaults
  mode http
  log global
  log-format %ST
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 2s
  timeout http-request 1s
  timeout http-keep-alive 200ms
  timeout server 30s
frontend public
  bind 127.0.0.1:{port}
  option forwardfor
  default_backend gateway
backend gateway
  server one 127.0.0.1:{gateway} pool-max-conn 1
"""
_BALANCER: Final = """\
defaults
  mode http
  http-reuse safe
  retries 3
  option redispatch
  timeout check 5s
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend public
  bind 127.0.0.1:{port}
  default_backend gateways
backend gateways
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter 500ms fall 1 rise 1
{servers}
"""
_CONFIGURED: Final = {"nginx": (_NGINX, "-c"), "haproxy": (_HAPROXY, "-db -f")}


class Proxy:
    """A proxy that runs: where it listens, and how many requests it got a 200 for."""

    def __init__(self, name: str, address: tuple[str, int], log: Path) -> None:
        self.name = name
        self.address = address
        self._log = log

    def passed(self) -> int:
        """How many requests were answered 200 through it."""
        return self._log.read_text().split().count("200") if self._log.exists() else 0


def installed() -> list[str]:
    """The proxies that this machine has."""
    return [name for name in _CONFIGURED if shutil.which(name)]


@contextmanager
def balanced(gateways: Sequence[int], folder: Path) -> Iterator[Proxy]:
    """Run HAProxy, as an operator would have it, in front of the gateways at these ports."""
    servers = "\n".join(f"  server at{port} 127.0.0.1:{port}" for port in gateways)
    port = free_port()
    text = _BALANCER.format(port=port, servers=servers)
    with _running("haproxy", "-db -f", text, port, folder) as proxy:
        yield proxy


@contextmanager
def in_front_of(gateway: int, name: str, folder: Path) -> Iterator[Proxy]:
    """Run a proxy in front of the gateway at this port."""
    port = free_port()
    text, options = _CONFIGURED[name]
    text = text.format(folder=folder, gateway=gateway, port=port)
    with _running(name, options, text, port, folder) as proxy:
        yield proxy


@contextmanager
def _running(name: str, options: str, text: str, port: int, folder: Path) -> Iterator[Proxy]:
    config, log = folder / "config", folder / "log"
    config.write_text(text)
    command = [shutil.which(name) or name, *options.split(), str(config)]
    with log.open("ab") as out, Popen(command, stdout=out, stderr=out) as process:
        try:
            patience.until(lambda: is_taken(port), log.read_text)
            yield Proxy(name, ("127.0.0.1", port), log)
        finally:
            process.terminate()
