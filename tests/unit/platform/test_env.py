"""The environment is read strictly: a value that cannot be used stops the start with one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closeconnector import env


def read_flag() -> bool:
    return env.flag("NAME", default=False)


def read_number() -> int:
    return env.number("NAME", 8000, minimum=1, maximum=65535)


def read_choice() -> str:
    return env.choice("NAME", "INFO", ("DEBUG", "INFO"))


def read_url() -> str:
    return env.url("NAME", schemes=("https", "http"))


def read_items() -> list[str]:
    return env.items("NAME")


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (read_flag, "true", True),
        (read_flag, " ON ", True),
        (read_flag, "0", False),
        (read_flag, "", False),
        (read_number, "65535", 65535),
        (read_number, "", 8000),
        (read_choice, "debug", "DEBUG"),
        (read_choice, "", "INFO"),
        (read_url, "https://connector.example.com/", "https://connector.example.com"),
        (read_url, "http://127.0.0.1:8000/base", "http://127.0.0.1:8000/base"),
        (read_url, "", ""),
        (read_items, "a, b ,,c", ["a", "b", "c"]),
        (read_items, "", []),
    ],
)
def test_usable_values(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], value: str, expected: Any
) -> None:
    monkeypatch.setenv("NAME", value)

    assert read() == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (read_flag, "maybe"),
        (read_flag, "2"),
        (read_number, "eight"),
        (read_number, "0"),
        (read_number, "65536"),
        (read_number, "-1"),
        (read_number, "8e3"),
        (read_number, "٨٠٠٠"),
        (read_choice, "LOUD"),
        (read_url, "connector.example.com"),
        (read_url, "ftp://connector.example.com"),
        (read_url, "https://"),
        (read_url, "https://connector.example.com:port"),
        (read_url, "https://[::1"),
    ],
)
def test_malformed_values_stop_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    read: Callable[[], Any],
    value: str,
) -> None:
    monkeypatch.setenv("NAME", value)

    with pytest.raises(SystemExit) as stopped:
        read()

    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith("NAME must be ")
    assert said.count("\n") == 1


class TestFiles:
    def test_the_value_is_read_from_the_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("from a file\n")
        monkeypatch.setenv("NAME_FILE", str(tmp_path / "secret"))

        assert env.text("NAME") == "from a file"

    def test_one_of_them_is_enough(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("NAME", "a")
        monkeypatch.setenv("NAME_FILE", str(tmp_path / "secret"))

        with pytest.raises(SystemExit):
            env.text("NAME")

        assert capsys.readouterr().err == "NAME and NAME_FILE are both set; keep one of them.\n"

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_an_unreadable_file_stops_with_one_line(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        content: bytes | None,
    ) -> None:
        if content is not None:
            (tmp_path / "secret").write_bytes(content)
        monkeypatch.setenv("NAME_FILE", str(tmp_path / "secret"))

        with pytest.raises(SystemExit):
            env.text("NAME")

        said = capsys.readouterr().err
        assert said.startswith("NAME_FILE names a file that cannot be read: ")
        assert said.count("\n") == 1
