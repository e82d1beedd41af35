"""The tree is the one of RFC 6962: by its own words, by known figures, and for every leaf of every size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import merkle
from documents.merkle import Subtree

# The inputs, roots and proofs that implementations of Certificate Transparency share
INPUTS = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PROOFS = {
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(leaves: Sequence[bytes], m: int) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(leaves[:k], m), naive_root(leaves[k:])]
    return [*naive_path(leaves[k:], m - k), naive_root(leaves[:k])]


def some(size: int) -> list[bytes]:
    return [index.to_bytes(4, "big") for index in range(size)]


def hashed(leaves: Sequence[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(leaf) for leaf in leaves]


@pytest.mark.parametrize("size", range(9))
def test_the_known_roots(size: int) -> None:
    assert merkle.root(hashed(INPUTS[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PROOFS)
def test_the_known_proofs(index: int, size: int) -> None:
    proof = merkle.inclusion(hashed(INPUTS[:size]), index)
    assert [each.hex() for each in proof] == PROOFS[index, size]


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_root_is_the_one_of_the_definition(leaves: list[bytes]) -> None:
    assert merkle.root(hashed(leaves)) == naive_root(leaves)


@pytest.mark.parametrize("size", [*range(1, 18), 31, 33])
def test_every_leaf_of_every_size_is_proved_as_defined_and_no_other_is(size: int) -> None:
    leaves = some(size)
    hashes, root = hashed(leaves), naive_root(leaves)
    for index in range(size):
        proof = merkle.inclusion(hashes, index)
        assert proof == naive_path(leaves, index)
        right = [
            (other, at)
            for other in range(size)
            for at in range(-1, size + 1)
            if merkle.verify_inclusion(hashes[other], at, size, proof, root)
        ]
        assert right == [(index, index)]


@given(st.data())
def test_a_proof_that_was_touched_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 200))
    index = data.draw(st.integers(0, size - 1))
    hashes = hashed(some(size))
    root, proof = merkle.root(hashes), merkle.inclusion(hashes, index)
    assert merkle.verify_inclusion(hashes[index], index, size, proof, root)
    longer = [*proof, data.draw(st.binary(min_size=32, max_size=32))]
    assert not merkle.verify_inclusion(hashes[index], index, size, longer, root)
    assert not merkle.verify_inclusion(hashes[index], index, size, proof, merkle.leaf_hash(root))
    if proof:
        assert not merkle.verify_inclusion(hashes[index], index, size, proof[:-1], root)
        at = data.draw(st.integers(0, len(proof) - 1))
        other = [*proof[:at], merkle.leaf_hash(proof[at]), *proof[at + 1 :]]
        assert not merkle.verify_inclusion(hashes[index], index, size, other, root)


@given(st.integers(0, 300))
def test_a_tree_grown_leaf_by_leaf_from_what_each_completes_is_the_same_tree(size: int) -> None:
    """As the register stores it: with each leaf the subtrees that it completes, and nothing else."""
    leaves, kept = some(size), list[list[bytes]]()

    def read(subtree: Subtree) -> bytes:
        return kept[subtree.last][subtree.level]

    for index, leaf in enumerate(hashed(leaves)):
        kept.append(merkle.grow([read(part) for part in merkle.right_edge(index)], index, leaf))
    assert merkle.folded([read(part) for part in merkle.right_edge(size)]) == naive_root(leaves)
    for index in {0, size // 2, size - 1} if size else ():
        assert merkle.inclusion_from(read, index, size) == naive_path(leaves, index)
    assert sum(map(len, kept)) < max(2 * size, 1)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion(hashed(some(size)), index)
