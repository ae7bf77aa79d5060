"""The machine's own Debian mirror, from both formats of apt's lists."""

from __future__ import annotations

from pathlib import Path

from devtools.apt_sources import Source, debian_mirrors, read_sources

ONE_LINE = """
# deb http://old.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # nearest
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/v.gpg] https://v.example/apt bookworm main
"""
DEB822 = """\
Types: deb deb-src
# nearest
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://keyed.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJKwYBBAHaRw8B
 -----END PGP PUBLIC KEY BLOCK-----
"""


def apt_folder(folder: Path, one_line: str = "", deb822: str = "") -> Path:
    (folder / "sources.list.d").mkdir()
    (folder / "sources.list").write_text(one_line)
    (folder / "sources.list.d" / "debian.sources").write_text(deb822)
    return folder


def test_one_line_format(tmp_path: Path) -> None:
    assert read_sources(apt_folder(tmp_path, ONE_LINE)) == [
        Source("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        Source(
            "https://v.example/apt",
            "bookworm",
            ("main",),
            "/usr/share/v.gpg",
        ),
    ]


def test_stanza_format(tmp_path: Path) -> None:
    sources = read_sources(apt_folder(tmp_path, deb822=DEB822))
    assert [(source.uri, source.suite) for source in sources] == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://second.example/debian", "bookworm"),
        ("http://second.example/debian", "bookworm-updates"),
        ("http://keyed.example/debian", "bookworm"),
    ]
    assert sources[0].signed_by.endswith("debian-archive-keyring.gpg")
    assert sources[-1].signed_by.splitlines()[1:3] == [
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        "",
    ]


def test_the_archive_comes_before_a_vendor_with_a_suite_of_that_name(
    tmp_path: Path,
) -> None:
    vendor_first = "deb https://vendor.example/apt bookworm main\n" + ONE_LINE
    vendor_first += "deb http://mirror.example/debian bookworm-updates main\n"
    mirrors = debian_mirrors(
        read_sources(apt_folder(tmp_path, vendor_first)), "bookworm"
    )
    assert [mirror.uri for mirror in mirrors] == [
        "http://mirror.example/debian",
        "https://vendor.example/apt",
        "https://v.example/apt",
    ]


def test_another_release_or_component_is_no_mirror(tmp_path: Path) -> None:
    lists = (
        "deb http://a.example/debian trixie main\ndeb http://b.example bookworm free\n"
    )
    assert debian_mirrors(read_sources(apt_folder(tmp_path, lists)), "bookworm") == []
