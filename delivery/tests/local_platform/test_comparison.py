"""What differs, and what is put back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delivery.platform import comparison
from delivery.platform.comparison import compare
from delivery.platform.snapshot import Chains, Snapshot

from .doubles import Recorder

BEFORE = Snapshot(
    processes={"1": "5 init", "50": "900 editor"},
    mounts=["/ (ext4)"],
    sysctls={"net.ipv4.ip_forward": "0", "kernel.panic": "1"},
    cgroups=["/sys/fs/cgroup/memory"],
    interfaces=["lo 127.0.0.1/8"],
    routes=["default via 192.0.2.1 dev eth0"],
    firewall={"iptables filter": {"FORWARD": ["ACCEPT", "-A FORWARD -j AUDIT"]}},
)
ENGINE_RULES: Chains = {
    "iptables filter": {
        "FORWARD": [
            "ACCEPT",
            "-A FORWARD -j AUDIT",
            "-A FORWARD -j DOCKER-USER",
            "-A FORWARD -o docker0 -j DOCKER",
            "-A FORWARD -s 192.0.2.7/32 -j DROP",
        ],
        "DOCKER": ["-"],
        "DOCKER-USER": ["-", "-A DOCKER-USER -j RETURN"],
        "MINE": ["-", "-A MINE -j RETURN"],
    }
}


def lines(after: Snapshot) -> list[str]:
    return [str(difference) for difference in compare(BEFORE, after)]


def test_a_machine_is_like_itself() -> None:
    assert lines(BEFORE) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"mounts": ["/ (ext4)", "/x (tmpfs)"]}, "mounts: /x (tmpfs) was added"),
        ({"mounts": []}, "mounts: / (ext4) is gone"),
        ({"mounts": ["/ (ext4)"] * 2}, "mounts: / (ext4) was added"),
        ({"namespaces": ["tms-node"]}, "namespaces: tms-node was added"),
        ({"routes": []}, "routes: default via 192.0.2.1 dev eth0 is gone"),
        ({"interfaces": []}, "interfaces: lo 127.0.0.1/8 is gone"),
        (
            {"sysctls": {"net.ipv4.ip_forward": "1", "kernel.panic": "1"}},
            "sysctl: net.ipv4.ip_forward was 0, is 1",
        ),
        (
            {"cgroups": [*BEFORE.cgroups, "/sys/fs/cgroup/memory/kubepods"]},
            "cgroups: /sys/fs/cgroup/memory/kubepods was added",
        ),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], line: str) -> None:
    assert lines(replace(BEFORE, **change)) == [line]


def test_an_interface_is_named_once_without_its_settings() -> None:
    after = replace(
        BEFORE,
        interfaces=[*BEFORE.interfaces, "docker0"],
        sysctls={**BEFORE.sysctls, "net.ipv4.conf.docker0.rp_filter": "0"},
    )
    assert lines(after) == ["interfaces: docker0 was added"]


def test_a_setting_of_an_interface_that_was_there_is_named() -> None:
    name = "net.ipv4.conf.lo.rp_filter"
    before = replace(BEFORE, sysctls={name: "0"})
    after = replace(BEFORE, sysctls={name: "1"})
    assert [str(found) for found in compare(before, after)] == [
        f"sysctl: {name} was 0, is 1"
    ]


def test_a_changed_policy_and_a_new_rule_are_named() -> None:
    chains = {"FORWARD": ["DROP", "-A FORWARD -j AUDIT", "-A FORWARD -j DOCKER"]}
    assert lines(replace(BEFORE, firewall={"iptables filter": chains})) == [
        "firewall: iptables filter: -A FORWARD -j DOCKER was added",
        "firewall: iptables filter: chain FORWARD ACCEPT is gone",
        "firewall: iptables filter: chain FORWARD DROP was added",
    ]


def test_a_process_of_ours_that_stayed_is_named() -> None:
    after = replace(BEFORE, processes={"7": "1000 etcd"}, ours=["7"])
    assert lines(after) == ["process: 1000 etcd is still there"]


def test_processes_and_groups_of_others_come_and_go() -> None:
    after = replace(
        BEFORE,
        processes={"1": "5 init", "60": "950 browser", "50": "990 shell"},
        cgroups=["/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/session-9"],
    )
    assert lines(after) == []
    assert comparison.unrelated_processes(BEFORE, after) == (2, 1)


def test_only_the_engines_own_rules_are_removed() -> None:
    after = replace(BEFORE, firewall=ENGINE_RULES)
    commands = [
        " ".join(words) for words in comparison.firewall_removals(BEFORE, after)
    ]
    assert commands == [
        "iptables -t filter -D FORWARD -j DOCKER-USER",
        "iptables -t filter -D FORWARD -o docker0 -j DOCKER",
        "iptables -t filter -F DOCKER",
        "iptables -t filter -F DOCKER-USER",
        "iptables -t filter -X DOCKER",
        "iptables -t filter -X DOCKER-USER",
    ]


def test_rules_that_the_engine_had_before_stay() -> None:
    before = replace(BEFORE, firewall=ENGINE_RULES)
    assert comparison.firewall_removals(before, before) == []


def test_a_comment_in_a_rule_stays_one_word() -> None:
    rule = '-A FORWARD -m comment --comment "for DOCKER only" -j ACCEPT'
    chains = {"FORWARD": ["ACCEPT", "-A FORWARD -j AUDIT", rule]}
    after = replace(BEFORE, firewall={"iptables filter": chains})
    (command,) = comparison.firewall_removals(BEFORE, after)
    assert command[-3:] == ["for DOCKER only", "-j", "ACCEPT"]


def test_settings_of_the_kubelet_are_put_back_and_others_are_not() -> None:
    after = replace(
        BEFORE, sysctls={"net.ipv4.ip_forward": "1", "kernel.panic": "10", "fs.x": "1"}
    )
    assert comparison.sysctl_restorations(BEFORE, after) == {
        "kernel.panic": "1",
        "net.ipv4.ip_forward": "0",
    }


def test_restoring_runs_the_removals_and_writes_the_settings(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(comparison, "run", recorder)
    monkeypatch.setattr(
        Path,
        "write_text",
        lambda path, text, encoding: written.update({str(path): text}),
    )
    sysctls = {**BEFORE.sysctls, "kernel.panic": "10"}
    comparison.restore(BEFORE, replace(BEFORE, sysctls=sysctls, firewall=ENGINE_RULES))
    assert written == {"/proc/sys/kernel/panic": "1"}
    assert recorder.lines[-1] == "iptables -t filter -X DOCKER-USER"
