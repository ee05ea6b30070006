"""Times, tokens, money and texts as people read them on a terminal or in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata


def time_text(microseconds: float) -> str:
    """Write microseconds as a time: `480ms`, `1.45s`, `2m 12s`, `3h 05m`."""
    seconds = microseconds / 1_000_000
    if seconds < 0.0095:  # noqa: PLR2004 - what would be 10 ms in whole ones
        return f"{seconds * 1000:.2g}ms"
    if seconds < 0.9995:  # noqa: PLR2004 - what would be 1000 ms
        return f"{seconds * 1000:.0f}ms"
    if seconds < 99.995:  # noqa: PLR2004 - what would be 100.00 s
        return f"{seconds:.2f}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // _HOUR}h {whole % _HOUR // 60:02}m"


_HOUR = 3600


def running_text(microseconds: int) -> str:
    """Write the microseconds taken so far, with fewer digits: they change all the time."""
    seconds = max(0, microseconds) / 1_000_000
    return f"{seconds:.1f}s" if seconds < _MINUTE else time_text(microseconds)


_MINUTE = 60


def count_text(count: int) -> str:
    """Write a number of tokens: `412`, `1.1k`, `193k`, `2.4M`."""
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit * 0.9995:
            share = count / unit
            return f"{share:.1f}{name}" if share < 99.95 else f"{share:.0f}{name}"  # noqa: PLR2004 - three digits
    return str(count)


def many_text(count: int, what: str) -> str:
    """Write a number of things, `what` being the word for one: `1 run`, `1,520 spans`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def money_text(dollars: float) -> str:
    """Write US dollars: `$12.40`, `$0.082`, `$0.0005`."""
    if dollars >= 999.995:  # noqa: PLR2004 - cents no longer matter
        return f"${dollars:,.0f}"
    if dollars >= 0.9995:  # noqa: PLR2004 - what would be a dollar in thousandths
        return f"${dollars:.2f}"
    if dollars >= 0.00995 or dollars == 0:  # noqa: PLR2004 - what would be a cent in ten-thousandths
        return f"${dollars:.3f}"
    return f"${dollars:.4f}" if dollars >= 0.00005 else "<$0.0001"  # noqa: PLR2004 - what rounds to nothing


def change_text(share: float) -> str:
    """Write by what share something grew: `+4%` for 0.04, `−31%`, `×12`."""
    if share >= 9.995:  # noqa: PLR2004 - no longer a percentage that one can picture
        return f"×{share + 1:.0f}"
    percent = round(share * 100)
    return f"−{-percent}%" if percent < 0 else f"+{percent}%" if percent else "0%"


_SPACES = "\t\n\v\f\r\x85\u2028\u2029"
# Joiners and selectors of pictures: terminals disagree about the width of what they make
_DROPPED = "\u200d\ufe0e\ufe0f"

# Unicode categories of what is not seen, or means something to a terminal
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str, limit: int = 400) -> str:
    """Return the beginning of a text as one line in which everything is visible and nothing moves the cursor."""
    words = " ".join(text[: 4 * limit].split())
    if words.isascii() and words.isprintable():
        return words[:limit]
    return "".join(map(_seen, words[:limit]))


def _seen(letter: str) -> str:
    if letter in _SPACES:
        return " "
    if letter in _DROPPED:
        return ""
    return f"U+{ord(letter):04X}" if unicodedata.category(letter) in _HIDDEN else letter


# How a cell begins that a spreadsheet takes for a formula; some take the wide signs too
_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def cell(text: str) -> str:
    """Return a text as the cell of a spreadsheet: never a formula, and every character visible."""
    mark = "'" if _FORMULA.match(text) else ""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible, text))
    return mark + text


def _visible(letter: str) -> str:
    hidden = letter not in _DROPPED and unicodedata.category(letter) in _HIDDEN
    return f"U+{ord(letter):04X}" if hidden else letter


_ASCII = str.maketrans({"−": "-", "—": "-", "→": ">", "≥": ">=", "Δ": "d", "×": "x", "…": "~"})


def fitting(text: str, encoding: str) -> str:
    """Return a text with signs that an encoding has, as like to the ones it lacks as can be."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        plain = text.translate(_ASCII)
        try:
            return plain.encode(encoding, "replace").decode(encoding)
        except LookupError:
            return plain.encode("ascii", "replace").decode("ascii")
    return text
