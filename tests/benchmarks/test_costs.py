"""Samples of call stacks, sorted by what they are for."""

from __future__ import annotations

from collections import Counter

from benchmarks.costs import group, stacks_of

PRINTED = """\
plane-0
\tffffffff81a0b0c1 __udp_enqueue_schedule_skb ([kernel.kallsyms])
\tffffffff81a0b0c2 __sys_sendmmsg ([kernel.kallsyms])
\t    7f1a2b3c4d5e __sendmmsg (/usr/lib/libc.so.6)
\t    7f1a2b3c4d5f schoolgate_plane::worker::Worker::run (/x/_core.abi3.so)

plane-0
\t    7f1a2b3c4d60 __memcmp_evex_movbe (/usr/lib/libc.so.6)
\t    7f1a2b3c4d61 schoolgate_plane::cache::PacketCache::get_hashed (/x/_core.abi3.so)
\t    7f1a2b3c4d5f schoolgate_plane::worker::Worker::run (/x/_core.abi3.so)

plane-0
\t    7f1a2b3c4d62 schoolgate_plane::worker::Worker::turn (/x/_core.abi3.so)

query-log
\tffffffff81a0b0c3 ext4_file_write_iter ([kernel.kallsyms])
"""


def test_a_sample_belongs_to_what_it_was_taken_in() -> None:
    assert Counter(map(group, stacks_of(PRINTED.splitlines()))) == {
        "kernel: sending, and the receiver's side of it": 1,
        "packet cache": 1,
        "the worker's own path": 1,
        "kernel: other": 1,
    }
