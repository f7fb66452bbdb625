"""What the nginx words say of configurations, right, odd and broken."""

from __future__ import annotations

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language import nginx
from grader.judge.language.fields import Field
from grader.model.manifest import Manifest, Place


def config(text: str) -> nginx.NginxConfig:
    return nginx.parse(field(text))


def field(text: object) -> Field:
    value = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"default.conf": text}}
    manifest = Manifest(value, {}, Place("configmap.yaml", 1))
    return Field(manifest, value, ("data", "default.conf"))


def served(body: str) -> nginx.NginxConfig:
    return config("server { listen 8000; " + body + " }")


@pytest.mark.parametrize(
    ("words", "arrives"),
    [
        ("8000", True),
        ("8000 default_server", True),
        ("*:8000", True),
        ("0.0.0.0:8000 reuseport", True),
        ("[::]:8000 ipv6only=off", True),
        ("[::]:8000", False),
        ("127.0.0.1:8000", False),
        ("localhost:8000", False),
        ("8000 ssl", False),
        ("unix:/tmp/8000", False),
        ("80", False),
    ],
)
def test_listen(words: str, arrives: bool) -> None:
    parsed = config(f"server {{ listen {words}; }}")
    if arrives:
        parsed.server_on(8000)
    else:
        with pytest.raises(CheckFailed):
            parsed.server_on(8000)


def test_a_server_without_listen_listens_on_80() -> None:
    assert config("server { return 204; }").answers("/any", 80).code == 204


def test_the_default_server_answers() -> None:
    parsed = config(
        "server { listen 8000; return 404; }"
        " server { listen [::]:8000; listen 8000 default_server; return 200; }"
    )
    assert parsed.answers("/", 8000).code == 200


@pytest.mark.parametrize(
    ("locations", "path", "code"),
    [
        ("location /a { return 201; } location = /a { return 202; }", "/a", 202),
        ("location /a { return 201; } location /a/b { return 202; }", "/a/b/c", 202),
        ("location /a { return 201; } location ~ ^/a$ { return 202; }", "/a", 202),
        ("location ^~ /a { return 201; } location ~ ^/a$ { return 202; }", "/a", 201),
        ("location ~* ^/A$ { return 203; }", "/a", 203),
        ("location =/a { return 204; }", "/a", 204),
        ("location / { return 404; } location /a { return 200; }", "/b", 404),
        ("location / { location = /a { return 201; } return 404; }", "/a", 201),
        ("location / { location = /b { return 201; } return 404; }", "/a", 404),
        ("location / { location /a { return 201; } } location ~ a { return 202; }", "/a", 202),
        ("location / { location ~ a { return 201; } } location ~ ^/a { return 202; }", "/a", 201),
        ("location ^~ / { location /a { return 201; } } location ~ a { return 202; }", "/a", 201),
        ("location ~ ^/a { location ~ /b$ { return 201; } return 404; }", "/a/b", 201),
    ],
)
def test_location(locations: str, path: str, code: int) -> None:
    assert served(locations).answers(path, 8000).code == code


@pytest.mark.parametrize(
    ("statement", "body"),
    [
        ("""return 200 '{"a":1}';""", '{"a":1}'),
        (r"""return 200 "{\"a\":1}";""", '{"a":1}'),
        (r"""return 200 "{\"a\":1}\n";""", '{"a":1}\n'),
        ("return 200;", ""),
        ("return 200 ok;", "ok"),
    ],
)
def test_body(statement: str, body: str) -> None:
    assert served(f"location /p {{ {statement} }}").answers("/p", 8000).body == body


def test_content_type_is_inherited() -> None:
    parsed = config(
        "server { listen 8000; default_type text/b;"
        " location /x { default_type text/c; return 200; } location /y { return 200; } }"
    )
    assert parsed.answers("/x", 8000).content_type == "text/c"
    assert parsed.answers("/y", 8000).content_type == "text/b"


def test_a_return_of_the_server_comes_before_all_locations() -> None:
    parsed = served("return 301 https://elsewhere; location /x { return 200 ok; }")
    assert (parsed.answers("/x", 8000).code, parsed.answers("/x", 8000).body) == (301, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "''"),
        ("   ", "' "),
        (None, "nothing"),
        ("server {\n  listen 8000;\n", "unexpected end of file"),
        ("server { listen 8000; } }", "unexpected"),
        ("} server { listen 8000; } http {", "not allowed here"),
        ("server {\n  listen 8000\n  location / { return 200; }\n}", "line 2"),
        ('server { location / { return 200 {"a":1}; } }', "return"),
        ("server { lisen 8000; }", 'unknown directive "lisen"'),
        ("server { location / { retrun 200; } }", 'unknown directive "retrun"'),
        ("location / { return 200; }", "not allowed here"),
        ("http { server { } }", "not allowed here"),
        ("server { return 200 'open; }", "unexpected end of file"),
        ("acces_log off;\nserver { }", 'unknown directive "acces_log" in line 1'),
        ("server { location /a { }\nlocation /a { } }", 'duplicate location "/a" in line 2'),
        ("server { location ^~ /a { } location /a { } }", "duplicate location"),
        ("server { location / { location = /a { } location = /a { } } }", "duplicate location"),
        ("server {\nlisten 80;\nlisten *:80; }", "a duplicate listen 0.0.0.0:80 in line 3"),
        ("server { " + "location / { " * 5000, ""),
        # The image's own nginx.conf has set these in the same block.
        ("default_type text/a;\nserver { }", '"default_type" directive is duplicate in line 1'),
        ("keepalive_timeout 5; server { }", '"keepalive_timeout" directive is duplicate'),
        ("server { location / {\nroot /a; root /b; } }", '"root" directive is duplicate in line 2'),
        ("server { server_tokens off;\nserver_tokens off; }", "is duplicate in line 2"),
        ("server { listen 8000 bogus; }", 'invalid parameter "bogus" in line 1'),
        ("server { listen 8000; listen [::]:8000 ipv6only=off; }", "a duplicate listen"),
    ],
)
def test_unreadable(text: str | None, says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        config(text)  # type: ignore[arg-type]
    assert says in caught.value.observed
    assert "/tmp" not in caught.value.observed


def test_young_directives_and_foreign_blocks_are_known() -> None:
    config(
        "map $uri $x { default 0; /a 1; } types { text/a a; }"
        " server { listen 8000; http2 on; location / { return 200; } }"
    )


def test_what_may_stand_twice() -> None:
    served(
        "server_name a; server_name b; add_header a b; add_header c d; access_log off;"
        " access_log off; index a; index b; error_page 404 /x; error_page 500 /y; set $a 1;"
        " set $a 2; allow all; allow all; types { a b; } types { c d; } return 200; return 201;"
    )
    config("server { listen 8000 so_keepalive=on backlog=5 fastopen=3 deferred reuseport; }")
    served(
        "listen [::]:8000; listen 8001; location = /a { } location /a { }"
        " location ~ ^/a { } location ~ ^/a { }"
    )
    config("server { listen 8000; } server { listen 8000; }")


def test_an_include_reads_nothing_of_this_machine() -> None:
    parsed = served("include /etc/passwd; location /x { return 200; }")
    assert parsed.answers("/x", 8000).code == 200


def test_no_location() -> None:
    with pytest.raises(CheckFailed) as caught:
        served("location = /ready { return 200; }").answers("/live", 8000)
    assert caught.value.observed == "= /ready"


def test_a_location_without_return() -> None:
    with pytest.raises(CheckFailed, match="no return that is reached"):
        served("location /x { root /srv; }").answers("/x", 8000)


def test_a_costly_pattern_is_not_tried() -> None:
    with pytest.raises(CheckFailed):
        served("location ~ " + "(a+)+" * 60 + "$ { return 200; }").answers("/x", 8000)


REWRITTEN = "location = /a { %s return 201; } location /b { return 202; }"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        # Each answer is that of a real nginx; 0 is one without a `return`.
        ("if ($request_method = GET) { return 503; }", 503),
        ("if ($request_method = POST) { return 503; }", 201),
        ("if ($request_method !~ ^(GET|HEAD)$) { return 405; }", 201),
        ('if ($http_x = "") { return 503; }', 503),
        ("if ($http_x) { return 503; }", 201),
        ("if ($uri ~* ^/A) { return 503; }", 503),
        ("set $x 1; if ($x = 1) { return 503; }", 503),
        ("if ($request_method = GET) { break; }", 0),
        ("break;", 0),
        ("rewrite ^/a$ /b last;", 202),
        ("rewrite ^/a$ /b break;", 0),
        ("rewrite ^/a$ /b;", 201),
        ("rewrite ^/c$ /b last;", 201),
        ("rewrite ^/a$ /b redirect;", 302),
        ("rewrite ^/(a)$ /b/$1/x?y=1 permanent;", 301),
        ("rewrite ^/a$ /a last;", 0),
    ],
)
def test_directives_are_followed_in_their_order(words: str, code: int) -> None:
    parsed = served(REWRITTEN % words)
    if code:
        assert parsed.answers("/a", 8000).code == code
    else:
        with pytest.raises(CheckFailed):
            parsed.answers("/a", 8000)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("rewrite ^/a$ /b last;", 202),
        ("rewrite ^ /b;", 202),
        ("break; return 203;", 201),
        ("if ($uri = /a) { return 503; }", 503),
        ("if ($scheme = https) { return 503; }", 201),
    ],
)
def test_directives_of_the_server_come_first(words: str, code: int) -> None:
    assert served(words + REWRITTEN % "").answers("/a", 8000).code == code


def test_a_named_group_of_pcre_is_a_pattern() -> None:
    location = "location ~ ^/(?<check>ready|live)$ { return 200 $check; }"
    assert served(location).answers("/ready", 8000).code == 200


ONE = "server { listen 8000; %s return 201; } server { listen 8000; %s return 202; }"


@pytest.mark.parametrize(
    ("first", "second", "host", "code"),
    [
        ("", "", "web", 201),
        ("", "server_name web;", "web", 202),
        ("", "server_name WEB;", "web", 202),
        ("", "server_name web;", "10.0.0.7", 201),
        ("server_name web;", "server_name web;", "web", 201),
        ("server_name *.ml.example;", "server_name a.ml.example;", "a.ml.example", 202),
        ("server_name *.example;", "server_name .ml.example;", "a.ml.example", 202),
        ("server_name _;", "server_name web.*;", "web.ml", 202),
        ("server_name ~^w;", "server_name web.*;", "web.ml", 202),
        ("server_name a;", "server_name ~^w;", "web", 202),
    ],
)
def test_the_name_that_is_asked_for_decides(first: str, second: str, host: str, code: int) -> None:
    assert config(ONE % (first, second)).answers("/", 8000, host).code == code


def test_files_are_read_one_after_the_other() -> None:
    here = field("server { listen 8000; return 201; }")
    there = field("charset utf-8; server { listen 8000; return 202; }")
    assert nginx.parse(here, there).answers("/", 8000).code == 201
    assert nginx.parse(there, here).answers("/", 8000).code == 202


def test_two_defaults_are_one_too_many() -> None:
    with pytest.raises(CheckFailed) as failed:
        config(
            "server { listen 8000 default_server; }\nserver { listen *:8000 default_server; }"
        ).server_on(8000)
    assert failed.value.observed == "a duplicate default server for 0.0.0.0:8000 in line 2"
