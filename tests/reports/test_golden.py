"""The reports of the demo up to the close of July are, to the character, those that were read and found right.

Kestrel: 47,300 signed, 640 of usage, 5,375 for the upgrade of July: 53,315; 26,775 of it was left at the end of June.
Bremer: 2,000 a month, billed for half a year in arrears. Osprey: 25,000, of which 40 % is performed.
"""

from __future__ import annotations

import pytest

from streams.reports.question import Books
from tests.reports.goldens import FOLDER, REPORTS, text_of


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_is_as_it_was_read(demo_books: Books, name: str) -> None:
    assert text_of(name, REPORTS[name](demo_books)) == (FOLDER / name).read_text(encoding="utf-8")


def test_every_golden_file_is_a_report() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(REPORTS)
