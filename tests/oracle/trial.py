"""Tries a drafted contract on the worksheet: a history that is meant to be valid must not be refused there."""

from __future__ import annotations

from tests.oracle import ending
from tests.oracle.drafts import Story
from tests.oracle.obligation import Refused
from tests.oracle.reading import UnsupportedHistory, minor, records, text
from tests.oracle.worksheet import Worksheet


def refused(story: Story) -> str | None:
    """Return why the contract's pinned events cannot be applied in the order they happened, or None."""
    first, *later = sorted((draft for draft in story.told if draft.pinned), key=lambda draft: draft.at)
    try:
        sheet = Worksheet.sign(story.entity, first.body)
        for draft in later:
            if draft.kind == "ContractAmended":
                sheet.amend(draft.version, draft.effective, draft.body)
            elif draft.kind == "ContractRenewed":
                sheet.renew(draft.version, draft.effective, draft.body)
            elif draft.kind == "ContractTerminated":
                ending.terminate(sheet, draft.effective, draft.body)
            elif draft.kind == "ObligationFulfilled":
                sheet.fulfil(draft.effective, draft.body)
            elif draft.kind == "EstimateChanged":
                line = draft.body["line_id"]
                change = minor(draft.body, "price_change", story.currency)
                sheet.change_price(draft.effective, None if line is None else str(line), change)
            elif draft.kind == "CreditIssued":
                for credited in records(draft.body, "lines"):
                    reduction = minor(credited, "net", story.currency)
                    sheet.change_price(draft.effective, text(credited, "line_id"), -reduction)
    except (Refused, UnsupportedHistory) as reason:
        return str(reason)
    return None
