"""Give every heading of a page an id that stays the same, and a link to itself: any part can be pointed at.

In: the HTML that the templates made. Out: the same with ``id`` and a link in each ``h3`` to ``h5`` inside ``main`` that
has none. An id is made of its section's id and the heading's words, so that it survives other headings coming or going.
"""

from __future__ import annotations

import re
from typing import Final

from vlmeval.report.text import slug

LENGTH: Final = 60
_PART: Final = re.compile(
    r'<section\b[^>]*\bid="(?P<section>[^"]*)"|<h(?P<rank>[345])(?P<given>[^>]*)>(?P<inside>.*?)</h(?P=rank)>', re.S
)
_ID: Final = re.compile(r'\bid="([^"]*)"')


def with_links(page: str) -> str:
    """Return the page with an id and a link to itself in each heading below a section's own."""
    before, start, rest = page.partition("<main")
    main, end, after = rest.partition("</main>")
    taken = set(_ID.findall(page))
    section = ""

    def linked(found: re.Match[str]) -> str:
        nonlocal section
        if found["section"] is not None:
            section = found["section"]
            return found[0]
        if 'class="anchor"' in found["inside"]:
            return found[0]
        rank, given, inside = found["rank"], found["given"], found["inside"]
        words = " ".join(re.sub(r"<[^>]+>", " ", inside).split())
        own = _ID.search(given)
        name = own[1] if own else _free(_named(section, words), taken)
        if own is None:
            given += f' id="{name}"'
        link = f'<a class="anchor" href="#{name}" aria-label="Link to: {words}">#</a>'
        return f"<h{rank}{given}>{inside}{link}</h{rank}>"

    return before + start + _PART.sub(linked, main) + end + after


def _named(section: str, words: str) -> str:
    return f"{section}-{slug(re.sub(r'&#?[a-z0-9]+;', ' ', words))}".strip("-")[:LENGTH].rstrip("-")


def _free(wanted: str, taken: set[str]) -> str:
    """Return the id, with a number where it is taken; it is taken from now on."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.add(name)
    return name
