"""Settings: flag before environment before default, checked, and the same again in another process."""

import argparse
import dataclasses
from pathlib import Path

import pytest

from tmfgraph import settings
from tmfgraph.settings import SettingError, Settings

NAMES = [item.name for item in dataclasses.fields(Settings)]

# A value of each setting that is not its default, as text.
OTHER = {
    "host": "0.0.0.0",
    "port": "8080",
    "base_url": "https://tmf.example.com/graph",
    "database_url": "postgresql://u:p@db.example.com/tmf",
    "data_dir": "/var/lib/elsewhere",
    "workers": "3",
    "pool_size": "20",
    "statement_timeout": "0.5",
    "lock_timeout": "0.5",
    "request_timeout": "1.5",
    "header_timeout": "2.5",
    "body_timeout": "60",
    "keep_alive_timeout": "75",
    "connections_at_most": "50",
    "statements_at_most": "50",
    "rows_at_most": "1000",
    "objects_at_most": "5000",
    "answer_bytes_at_most": "1000000",
    "rate_limit": "1000/minute",
    "rate_limit_storage": "redis://cache.example.com:6379/1",
    "profile": "production",
    "document_bytes_at_most": "20000",
    "tokens_at_most": "4000",
    "depth_at_most": "12",
    "aliases_at_most": "20",
    "fields_at_most": "1000",
    "cost_at_most": "100000",
    "show_executor": "yes",
    "demo": "no",
    "strict_references": "yes",
    "partial_content": "yes",
    "exchange_dir": "/var/lib/exchange",
    "subgraph": "yes",
    "auth": "on",
    "issuer": "https://login.example.com/realms/tmf/",
    "audience": "bss",
    "key_file": __file__,
    "log_format": "json",
    "log_level": "debug",
}

WRONG = {
    "port": ["-1", "65536", "80a", "٣", "1.5"],
    "base_url": ["tmf.example.com", "ftp://tmf.example.com", "https://", "https://tmf.example.com/?a=b"],
    "database_url": ["mysql://db/tmf", "/var/run/postgresql"],
    "data_dir": [__file__],
    "workers": ["0", "65", "many"],
    "pool_size": ["0", "9999"],
    "statement_timeout": ["0", "nan", "inf", "5s"],
    "lock_timeout": ["0", "nan", "inf", "2s"],
    "request_timeout": ["0", "nan", "inf", "5s"],
    "header_timeout": ["0", "nan", "inf", "5s"],
    "body_timeout": ["0", "nan", "inf", "5s"],
    "keep_alive_timeout": ["0", "nan", "inf", "5s"],
    "connections_at_most": ["0", "many"],
    "statements_at_most": ["0", "some"],
    "rows_at_most": ["0", "99", "many"],
    "objects_at_most": ["0", "99", "many"],
    "answer_bytes_at_most": ["0", "9999", "10 MB"],
    "rate_limit": ["0/minute", "1000", "many/minute", "5/fortnight", "²/day"],
    "rate_limit_storage": ["memcached://x", "redis://"],
    "profile": ["staging", "prod"],
    "document_bytes_at_most": ["0", "9999", "1 MB"],
    "tokens_at_most": ["99", "many"],
    "depth_at_most": ["2", "101"],
    "aliases_at_most": ["-1", "none"],
    "fields_at_most": ["99", "all"],
    "cost_at_most": ["999", "dear"],
    "show_executor": ["loud"],
    "demo": ["maybe"],
    "strict_references": ["2"],
    "partial_content": ["206"],
    "exchange_dir": [__file__],
    "subgraph": ["perhaps"],
    "auth": ["maybe"],
    "issuer": [
        "login.example.com",
        "https://",
        "https://login.example.com/?a=b",
        "https://u:p@login.example.com",
    ],
    "key_file": ["/no/such/file", "/"],
    "log_format": ["xml"],
    "log_level": ["loud"],
}


def test_every_setting_has_a_case_here():
    assert set(OTHER) == set(NAMES)
    assert set(WRONG) == set(NAMES) - {"host", "audience"}


@pytest.mark.parametrize("name", NAMES)
def test_flag_before_environment_before_default(name: str):
    variable = settings.variable(name)
    default = getattr(Settings.read(environ={}), name)
    other = getattr(Settings.read(environ={variable: OTHER[name]}), name)
    assert other != default
    assert getattr(Settings.read({name: OTHER[name]}, {variable: "not looked at"}), name) == other
    assert getattr(Settings.read({name: None}, {variable: OTHER[name]}), name) == other
    assert getattr(Settings.read(environ={variable: ""}), name) == default


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name in WRONG for wrong in WRONG[name]])
def test_a_wrong_value_is_named_with_its_source(name: str, wrong: str):
    with pytest.raises(SettingError, match=f"^{settings.flag(name)} cannot be .*: it must be .+\\.$"):
        Settings.read({name: wrong}, {})
    with pytest.raises(SettingError, match=f"^{settings.variable(name)} cannot be "):
        Settings.read({}, {settings.variable(name): wrong})


def test_a_wrong_database_url_is_not_repeated():
    with pytest.raises(SettingError) as refused:
        Settings.read({"database_url": "mysql://u:hunter2@db/tmf"}, {})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("environ", [{}, {settings.variable(name): text for name, text in OTHER.items()}])
def test_workers_read_the_same_settings(environ: dict[str, str]):
    made = Settings.read(environ=environ)
    assert Settings.read(environ=made.to_environ()) == made


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({}, "http://localhost:8000"),
        ({"host": "127.0.0.2"}, "http://localhost:8000"),
        ({"host": "0.0.0.0"}, "http://localhost:8000"),
        ({"host": "::"}, "http://localhost:8000"),
        ({"host": "localhost", "port": "80"}, "http://localhost:80"),
        ({"host": "192.0.2.1"}, "http://192.0.2.1:8000"),
        ({"host": "2001:db8::1"}, "http://[2001:db8::1]:8000"),
        ({"host": "tmf.example.com"}, "http://tmf.example.com:8000"),
        ({"base_url": "https://tmf.example.com/graph/", "host": "0.0.0.0"}, "https://tmf.example.com/graph"),
    ],
)
def test_the_url_that_hrefs_start_with(flags: dict[str, str], url: str):
    assert Settings.read(flags, {}).url == url


@pytest.mark.parametrize(("share", "start"), [("/srv/share", "/srv/share"), ("relative", "~/.local/share")])
def test_the_data_directory_follows_the_xdg_rule(monkeypatch: pytest.MonkeyPatch, share: str, start: str):
    monkeypatch.setenv("XDG_DATA_HOME", share)
    assert Settings.read(environ={}).data_dir == Path(start).expanduser() / "tmfgraph"


def test_help_and_documentation_come_from_the_table():
    parser = argparse.ArgumentParser()
    settings.add_flags(parser)
    help, table = parser.format_help(), settings.as_markdown()
    for item in dataclasses.fields(Settings):
        assert settings.flag(item.name) in help
        assert f"| `{settings.variable(item.name)}` |" in table
        assert item.metadata["help"] in table
    assert Settings.read(vars(parser.parse_args(["--no-demo", "--port", "81"])), {}) == Settings(
        demo=False, port=81
    )
