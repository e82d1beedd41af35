"""Merkle trees as RFC 6962 defines them (RFC 9162 keeps the definition): over SHA-256, append-only, provable.

A tree over n leaves is a row of perfect subtrees, largest first, one for each bit of n: its right edge. They never
change while the tree grows. Roots and proofs are made of them alone, so whoever stores them need not read the leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

LEAF, NODE = b"\x00", b"\x01"  # what is hashed first, so that a node can never be taken for a leaf
EMPTY = hashlib.sha256(b"").digest()


class Subtree(NamedTuple):
    """The perfect subtree over 2**level leaves that is the number-th of its size, counted from 0."""

    level: int
    number: int

    @property
    def last(self) -> int:
        """The index of the leaf that completes it."""
        return (self.number + 1 << self.level) - 1


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes, read once and in order."""
    edge: list[bytes] = []
    for index, leaf in enumerate(hashes):
        for _ in range(_completed(index)):
            leaf = node_hash(edge.pop(), leaf)
        edge.append(leaf)
    return folded(edge)


def inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that the leaf of this index is in the tree over these leaf hashes: the siblings on its way to the root."""

    def read(subtree: Subtree) -> bytes:
        return root(hashes[subtree.number << subtree.level : subtree.last + 1])

    return inclusion_from(read, index, len(hashes))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from this leaf hash to this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


# --- from stored subtrees


def grow(edge: Sequence[bytes], index: int, leaf: bytes) -> list[bytes]:
    """What the leaf of this index completes, when `edge` is the right edge before it: itself and larger and larger subtrees."""
    completed = [leaf]
    for step in range(1, _completed(index) + 1):
        completed.append(node_hash(edge[-step], completed[-1]))
    return completed


def folded(edge: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that lie side by side, largest first."""
    if not edge:
        return EMPTY
    *rest, found = edge
    for left in reversed(rest):
        found = node_hash(left, found)
    return found


def right_edge(size: int) -> list[Subtree]:
    """The perfect subtrees that a tree of this size consists of, largest first."""
    return list(_perfect(0, size))


def inclusion_path(index: int, size: int) -> list[list[Subtree]]:
    """For each hash of the proof, from the leaf upwards, the perfect subtrees it is folded from."""
    if not 0 <= index < size:
        raise IndexError(index)
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            path.append(list(_perfect(middle, end)))
            end = middle
        else:
            path.append(list(_perfect(start, middle)))
            start = middle
    return path[::-1]


def inclusion_from(read: Callable[[Subtree], bytes], index: int, size: int) -> list[bytes]:
    """The proof, made of subtrees that are read."""
    return [folded([read(subtree) for subtree in siblings]) for siblings in inclusion_path(index, size)]


def _perfect(start: int, end: int) -> Iterator[Subtree]:
    """The perfect subtrees of a part of the tree, which begins where one at least as large as the part can begin."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield Subtree(level, start >> level)
        start += 1 << level


def _completed(index: int) -> int:
    """How many subtrees above itself the leaf of this index completes."""
    return (~index & index + 1).bit_length() - 1
