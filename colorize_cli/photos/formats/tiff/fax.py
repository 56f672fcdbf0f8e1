"""Fax compression in TIFF: modified Huffman, group 3 in one and two dimensions, group 4.

libtiff goes on after a damaged row and tells nobody, so rows are decoded here.

Sources: ITU T.4 (tables 2 to 4), T.6; TIFF 6.0, sections 10 and 11.
"""

from array import array
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ....errors import ImageError

HUFFMAN, GROUP_3, GROUP_4 = 2, 3, 4

# Codes of runs of 0 to 63, then of 64, 128, ... 1728.
_WHITE = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101
101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100
0011000 00000010 00000011 00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111
00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 00001010 00001011 01010010
01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011
00110010 00110011 00110100
11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100
011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010
011011011 010011000 010011001 010011010 011000 010011011
"""
_BLACK = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111
000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111
00000101000 00000010111 00000011000 000011001010 000011001011 000011001100 000011001101
000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 000011010100
000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011
000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 000001010010
000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 000001011000
000001011001 000000101011 000000101100 000001011010 000001100110 000001100111
0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101
0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010
0000001110011 0000001110100 0000001110101 0000001110110 0000001110111 0000001010010 0000001010011
0000001010100 0000001010101 0000001011010 0000001011011 0000001100100 0000001100101
"""
# Of 1792, 1856, ... 2560, in both colours.
_LONG = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110
000000010111 000000011100 000000011101 000000011110 000000011111
"""
_PASS, _HORIZONTAL = 100, 101
_MODE_WORDS = {
    "0001": _PASS,
    "001": _HORIZONTAL,
    "1": 0,  # else how far a1 lies to the right of b1
    "011": 1,
    "000011": 2,
    "0000011": 3,
    "010": -1,
    "000010": -2,
    "0000010": -3,
}
_WIDEST = 13  # bits of the longest code
_MOST_BYTES = 2  # of a pixel
_MASK = (1 << _WIDEST) - 1
_DAMAGED = "the TIFF's fax compression is damaged"

_Codes = tuple[tuple[int, int], ...]  # by the next `_WIDEST` bits: bits of the code, 0 for none


def unfax(
    packed: bytes, rows: int, columns: int, compression: int, options: int
) -> NDArray[np.uint8]:
    """Decode a strip as (rows, columns), 1 for black.

    `compression` is TIFF's, `options` its tag T4Options. Raises ImageError where the strip is
    damaged or ends early.
    """
    bits = _Bits(packed[: _MOST_BYTES * rows * (columns + 64)])  # no row needs as much
    row: list[int] = []
    changes, lengths = array("i"), []  # a list would take nine times as much memory
    for _ in range(rows):
        row = _next_row(bits, row, columns, compression, options)
        changes.extend(row)
        lengths.append(len(row))
    # A pixel is black after an odd number of changes.
    counts = np.zeros((rows, columns + 1), np.uint8)
    np.add.at(counts, (np.repeat(np.arange(rows), lengths), np.asarray(changes)), 1)
    return np.bitwise_xor.accumulate(counts & 1, axis=1)[:, :columns]


def _next_row(
    bits: "_Bits", above: list[int], columns: int, compression: int, options: int
) -> list[int]:
    """Return where the colour of the next row changes, white being before its start."""
    if compression == GROUP_4:
        changes = _changes_from(bits, above, columns)
    elif compression == HUFFMAN:
        bits.align()
        changes = _changes(bits, columns)
    else:
        has_mark = bits.skip_end_of_line()
        is_relative = options & 1 and has_mark and not bits.take()
        changes = _changes_from(bits, above, columns) if is_relative else _changes(bits, columns)
    # Runs of no length are no progress, and may be as many as the strip has room for.
    most = 2 * columns + 4
    row = list(islice(changes, most))
    if len(row) == most:
        raise ImageError(_DAMAGED)
    return row


def _changes(bits: "_Bits", columns: int) -> Iterator[int]:
    """Read a row that is told by its runs, white and black in turn."""
    position, is_black = 0, False
    while position < columns:
        position += bits.run(is_black)
        if position > columns:
            raise ImageError(_DAMAGED)
        yield position
        is_black = not is_black


def _changes_from(bits: "_Bits", above: list[int], columns: int) -> Iterator[int]:
    """Read a row that is told by what differs from the one above."""
    above = [*above, columns, columns, columns]
    a0, is_black, index = -1, False, 0
    while a0 < columns:
        # b1: the first change above, right of a0, to the colour that the row has not.
        index = index - 2 if index > 2 else 0
        while (b1 := above[index]) < columns and (b1 <= a0 or index & 1 != is_black):
            index += 1
        mode = bits.code(_MODES)
        if mode == _PASS:
            a0 = above[index + 1] if b1 < columns else columns
        elif mode == _HORIZONTAL:
            a1 = max(a0, 0) + bits.run(is_black)
            a0 = a1 + bits.run(not is_black)
            if a0 > columns:
                raise ImageError(_DAMAGED)
            yield from (a1, a0)
        else:
            a1 = b1 + mode
            if not a0 < a1 <= columns:
                raise ImageError(_DAMAGED)
            yield a1
            a0, is_black = a1, not is_black


class _Bits:
    """Codes one after the other; ImageError where there is none."""

    def __init__(self, packed: bytes) -> None:
        plain = np.frombuffer(packed + bytes(4), np.uint8).astype(np.uint32)
        # The three bytes from each one on, of which a code takes part.
        self._words = array("I", (plain[:-2] << 16 | plain[1:-1] << 8 | plain[2:]).tobytes())
        self._end = 8 * len(packed)
        self._position = 0

    def peek(self) -> int:
        """Look at the next `_WIDEST` bits; zeros follow the last one."""
        position = self._position
        return self._words[position >> 3] >> (24 - _WIDEST - (position & 7)) & _MASK

    def take(self) -> int:
        """Take a bit."""
        bit = self.peek() >> (_WIDEST - 1)
        self._position += 1
        return bit

    def align(self) -> None:
        self._position = -(-self._position // 8) * 8

    def code(self, codes: _Codes) -> int:
        position = self._position
        word = self._words[position >> 3] >> (24 - _WIDEST - (position & 7)) & _MASK
        length, meaning = codes[word]
        self._position = position = position + length
        if not length or position > self._end:
            raise ImageError(_DAMAGED)
        return meaning

    def run(self, is_black: bool) -> int:
        """Take the codes of a run, written out as most of the time goes here."""
        codes, words, position = _RUNS[is_black], self._words, self._position
        total, part, length = 0, 64, 1
        while part >= 64 and length:
            word = words[position >> 3] >> (24 - _WIDEST - (position & 7)) & _MASK
            length, part = codes[word]
            position += length
            total += part
            if position > self._end:
                raise ImageError(_DAMAGED)
        if not length:
            raise ImageError(_DAMAGED)
        self._position = position
        return total

    def skip_end_of_line(self) -> bool:
        """Pass over an end of line, 11 zeros or more and a one, if there is one."""
        start = self._position
        while self._position < self._end and self.peek() < 1 << (_WIDEST - 1):
            self._position += 1
        if self._position - start >= 11 and self._position < self._end:
            self._position += 1
            return True
        self._position = start
        return False


def _table(meanings: dict[str, int]) -> _Codes:
    codes = [(0, 0)] * (1 << _WIDEST)
    for word, meaning in meanings.items():
        rest = _WIDEST - len(word)
        start = int(word, 2) << rest
        codes[start : start + (1 << rest)] = [(len(word), meaning)] * (1 << rest)
    return tuple(codes)


def _runs(words: str) -> _Codes:
    lengths = [*range(64), *range(64, 1729, 64), *range(1792, 2561, 64)]
    return _table(dict(zip((words + _LONG).split(), lengths, strict=True)))


_RUNS, _MODES = (_runs(_WHITE), _runs(_BLACK)), _table(_MODE_WORDS)
