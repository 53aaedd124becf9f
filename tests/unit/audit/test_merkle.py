"""The Merkle tree: the vectors that Certificate Transparency has used since RFC 6962, and a plain oracle."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolgate.audit.merkle import (
    BLOCK,
    EMPTY_ROOT,
    CompactRange,
    consistency_holds,
    consistency_ranges,
    inclusion_holds,
    inclusion_ranges,
    leaf_hash,
    perfect_subtrees,
    root_of,
)

# Inputs and roots of the reference tests of Certificate Transparency, trees of 1 to 8 entries.
INPUTS = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Inclusion proofs of the same tests: (entry from 0, size, proof).
INCLUSIONS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
# Consistency proofs: (old size, new size, proof).
CONSISTENCIES = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
SIZES = st.integers(0, 300)


def oracle(leaves: list[bytes]) -> bytes:
    """The definition of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return sha256(b"\x01" + oracle(leaves[:middle]) + oracle(leaves[middle:])).digest()


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(at).encode()) for at in range(size)]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_tests(size: int) -> None:
    assert root_of(map(leaf_hash, INPUTS[:size])).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("number", "size", "proof"), INCLUSIONS)
def test_inclusion_proofs_are_those_of_the_reference_tests(number: int, size: int, proof: list[str]) -> None:
    leaves = [leaf_hash(one) for one in INPUTS[:size]]
    assert [oracle(leaves[a:b]).hex() for a, b in inclusion_ranges(number, size)] == proof
    hashes = [bytes.fromhex(one) for one in proof]
    assert inclusion_holds(leaves[number], number, size, hashes, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCIES)
def test_consistency_proofs_are_those_of_the_reference_tests(old: int, new: int, proof: list[str]) -> None:
    leaves = [leaf_hash(one) for one in INPUTS[:new]]
    assert [oracle(leaves[a:b]).hex() for a, b in consistency_ranges(old, new)] == proof
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert consistency_holds(old, roots[0], new, roots[1], [bytes.fromhex(one) for one in proof])


@given(SIZES)
def test_a_tree_that_grew_has_the_root_of_the_definition(size: int) -> None:
    leaves = _leaves(size)
    assert root_of(leaves) == oracle(leaves)


@given(SIZES, SIZES)
def test_a_stored_frontier_grows_on(size: int, more: int) -> None:
    leaves = _leaves(size + more)
    tree = CompactRange()
    for one in leaves[:size]:
        tree.append(one)
    read = CompactRange.parse(size, tree.compose())
    for one in leaves[size:]:
        read.append(one)
    assert read.root() == oracle(leaves)


@given(st.data())
def test_only_the_right_inclusion_proof_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    number = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    proof = [oracle(leaves[a:b]) for a, b in inclusion_ranges(number, size)]
    root = oracle(leaves)
    assert inclusion_holds(leaves[number], number, size, proof, root)
    assert not inclusion_holds(leaf_hash(b"another"), number, size, proof, root)
    other = data.draw(st.integers(0, size - 1))
    assert other == number or not inclusion_holds(leaves[number], other, size, proof, root)
    assert not inclusion_holds(leaves[number], number, size, [*proof, root], root)
    assert not proof or not inclusion_holds(leaves[number], number, size, proof[:-1], root)


@given(st.data())
def test_only_the_right_consistency_proof_holds(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, new))
    leaves = _leaves(new)
    proof = [oracle(leaves[a:b]) for a, b in consistency_ranges(old, new)]
    roots = oracle(leaves[:old]), oracle(leaves)
    assert consistency_holds(old, roots[0], new, roots[1], proof)
    assert not consistency_holds(old, leaf_hash(b"other"), new, roots[1], proof)
    assert not consistency_holds(old, roots[0], new, leaf_hash(b"other"), proof)
    assert not consistency_holds(old, roots[0], new, roots[1], [*proof, roots[0]])
    assert not proof or not consistency_holds(old, roots[0], new, roots[1], proof[:-1])


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_range_is_cut_into_aligned_powers_of_two(start: int, length: int) -> None:
    pieces = perfect_subtrees(start, start + length)
    assert [at for a, b in pieces for at in (a, b)][1:-1] == [b for a, b in pieces[:-1] for _ in (0, 1)]
    assert sum(b - a for a, b in pieces) == length
    assert all((b - a).bit_count() == 1 and a % (b - a) == 0 for a, b in pieces)


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="do not make a tree of 3"):
        CompactRange.parse(3, bytes(32))
    with pytest.raises(ValueError, match="do not make a tree of 1"):
        CompactRange.parse(1, bytes(31))


@given(st.integers(0, 3), st.integers(0, 300))
def test_blocks_make_the_same_tree_as_entries_one_by_one(blocks: int, more: int) -> None:
    leaves = _leaves(blocks * BLOCK + more)
    tree, plain = CompactRange(), CompactRange()
    for at in range(blocks):
        roots = tree.append_block(leaves[at * BLOCK : (at + 1) * BLOCK])
        completed: list[bytes] = []
        for leaf in leaves[at * BLOCK : (at + 1) * BLOCK]:
            completed = []
            plain.append(leaf, completed)
        assert roots == completed[7:]
    for leaf in leaves[blocks * BLOCK :]:
        tree.append(leaf)
    assert tree.root() == oracle(leaves)


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no block"):
        CompactRange().append_block(_leaves(255))
    tree = CompactRange()
    tree.append(leaf_hash(b""))
    with pytest.raises(ValueError, match="no block"):
        tree.append_block(_leaves(256))
