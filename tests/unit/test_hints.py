"""Which values in a key look accidental, and which do not."""

from __future__ import annotations

import os

import pytest

from neffcache.cli import hints

HOST = hints.Host(frozenset(("trn-node-17", "trn-node-17.example")), frozenset((4242,)))

ACCIDENTAL = [
    ("env NEURON_NODE_RANK", "3", "rank"),
    ("env NEURON_LOCAL_RANK", "0", "rank"),
    ("env NEURON_PROCESS_INDEX", "12", "rank"),
    ("env NEURON_NODE_ID", "1", "rank"),
    ("env NEURON_NODEID", "1", "rank"),
    ("env NEURON_TASK_ID", "100", "rank"),
    ("env NEURON_PID", "77", "process id"),
    ("env NEURON_SOMETHING", "4242", "process"),
    ("env NEURON_MASTER_PORT", "29500", "port"),
    ("env NEURON_COORDINATOR", "head:29500", "host"),
    ("env XLA_SERVICE", "10.0.0.7:62182", "address"),
    ("env NKI_PEER", "worker:29500", "port"),
    ("env NEURON_OWNER", "trn-node-17", "name of this host"),
    ("env NEURON_OWNER", "x/trn-node-17:1", "name of this host"),
    ("env NEURON_PEER", "ip-10-0-1-5", "host name"),
    ("env NEURON_PEER", "ip-10-0-1-5.ec2.internal", "host name"),
    ("env NEURON_PEER", "node3.cluster", "host name"),
    ("env NEURON_HOSTNAME", "alpha", "host name"),
    ("env NEURON_WORK", "/tmp/x123", "temporary path"),
    ("env NEURON_WORK", "/home/me/x", "a path"),
    ("env XLA_FLAGS", "--xla_a=1 --xla_cache=/dev/shm/x", "temporary path"),
    ("env NEURON_RUN", "123e4567-e89b-12d3-a456-426614174000", "random id"),
    ("option", "--internal-dump=/tmp/abc/x", "temporary path"),
    ("option", "--internal-host=trn-node-17", "name of this host"),
]
HARMLESS = [
    ("env NEURON_LOGICAL_NC_CONFIG", "2"),
    ("env NEURON_FSDP", "1"),
    ("env NEURON_FSDP_CC_MULTISTREAM", "0"),
    ("env NEURON_PLATFORM_TARGET_OVERRIDE", "trn1"),
    ("env NEURON_WORLD_SIZE", "32"),
    ("env NEURON_RANK_POLICY", "spread"),
    ("env XLA_FLAGS", "--xla_disable_hlo_passes=a,b:c"),
    ("env XLA_IR_DEBUG", ""),
    ("env NEURON_VERSION", "2.21.33363.0"),
    ("env NEURON_SCALE", "1e-5"),
    ("env NEURON_OWNER", "trn-node-170"),
    ("option", "--target=trn1"),
    ("option", "-O1"),
    ("option", "3"),
    ("graph", "raw file /tmp/4242"),
    ("compiler", "/tmp/4242"),
]


@pytest.mark.parametrize(("label", "value", "words"), ACCIDENTAL)
def test_an_accidental_value_is_pointed_at(label: str, value: str, words: str) -> None:
    assert words in hints.look(label, value, HOST)


@pytest.mark.parametrize(("label", "value"), HARMLESS)
def test_a_harmless_value_is_left_alone(label: str, value: str) -> None:
    assert hints.look(label, value, HOST) == ""


def test_this_process_is_among_those_known() -> None:
    assert {os.getpid(), os.getppid()} - {1} <= hints.Host.here().pids


def test_a_huge_number_is_no_rank() -> None:
    assert hints.look("env NEURON_JOB_ID", "9" * 5000, HOST) == ""
