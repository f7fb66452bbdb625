"""Command lines that start an nginx which stays, and such that do not."""

from __future__ import annotations

import pytest

from grader.judge.language.nginx_command import serves


@pytest.mark.parametrize(
    "line",
    [
        ["nginx", "-g", "daemon off;"],
        ["nginx-debug", "-gdaemon off;"],
        ["/usr/sbin/nginx", "-c", "/etc/nginx/nginx.conf", "-g", "daemon  off; user nginx;"],
        ["nginx", "-c", "nginx.conf", "-g", "daemon off;"],
        ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"],
        ["env", "A=b", "nginx", "-g", "daemon off;"],
        ["sh", "-c", "nginx -t && exec nginx -g 'daemon off;'"],
        ["sh", "-c", 'exec nginx -g "$HOW"'],
        ["bash", "-ec", "cat x\nexec nginx -e /dev/stderr -g 'daemon off;'"],
        ["sh", "-c", "nginx; sleep infinity"],
        ["sh", "-c", "nginx && exec tail -f /dev/null"],
        ["sh", "-c", "nginx; while sleep 3600; do :; done"],
        ["sh", "-c", "if true; then nginx -g 'daemon off;'; fi"],
    ],
)
def test_an_nginx_that_stays(line: list[str]) -> None:
    assert serves(line, {"HOW": "daemon off;"})


@pytest.mark.parametrize(
    "line",
    [
        ["nginx"],
        ["sh", "-c", "nginx"],
        ["sh", "-c", "nginx; echo started"],
        ["nginx", "-g", "daemon on;"],
        ["nginx", "-g", "daemon off"],
        ["nginx", "-c", "/tmp/other.conf", "-g", "daemon off;"],
        ["nginx", "-t", "-g", "daemon off;"],
        ["nginx", "-s", "stop"],
        ["nginx", "-x"],
        ["nginx", "daemon off;"],
        ["-g", "daemon off;"],
        ["echo", "nginx", "-g", "daemon off;"],
        ["sleep", "infinity"],
        ["cat", "/etc/nginx/nginx.conf"],
        ["sh", "-c", 'exec nginx -g "$UNKNOWN"'],
    ],
)
def test_no_nginx_that_stays(line: list[str]) -> None:
    assert not serves(line, {})
