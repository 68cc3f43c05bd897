"""What a wider history has besides: credits, minimums, invoiced work, units, cost, variable consideration, options,
and corrections of what changed the contract.

All of it is drawn from a source of its own, so that a history without it stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.oracle.drafts import CHANGES, DAY, Draft, DraftLine, Story, amount, iso
from tests.oracle.reading import Json, digits, exact, last_day, month_of, records

Place = Callable[[str, dict[str, Json], int, str], Draft]
"""Puts an event into the story whose place among others matters: kind, body, day, source."""


def promise(story: Story, draw: Random, start: int, end: int) -> dict[str, Json]:
    """Add lines of the further patterns to a signature; return its further terms."""

    def add(name: str, product: str, pattern: str, price: int, ssp: int, last: int = end, **extra: Json) -> None:
        line = DraftLine(name, product, pattern, draw.randint(2, 60), price, ssp, start, last, extra=extra)
        story.lines.append(line)

    def money(low: int, high: int) -> int:
        units: int = 10 ** max(digits(story.currency), 2)
        return draw.randint(low, high) * units

    if draw.random() < 0.4:
        price = money(300, 3_000) if draw.random() < 0.7 else 0
        never = draw.choice(("0", "10", "12.5", "30"))
        last = min(end, start + draw.choice((180, 364)))
        add("C1", "platform", "PREPAID", price, price or money(10, 90), last, breakage_percent=never)
    if draw.random() < 0.4:
        minimum = money(20, 400)
        add("M1", "usage", "USAGE", minimum, minimum * draw.choice((9, 10, 12)) // 10, commitment_months=0)
    if draw.random() < 0.4:
        add("H1", "services", "AS_INVOICED", 0, 0)
    if draw.random() < 0.25:
        add("D1", "hardware", "UNITS", money(200, 4_000), money(200, 4_000))
    if draw.random() < 0.2:
        price = money(500, 9_000)
        add("W1", "services", "COST_TO_COST", price, price, expected_cost=amount(price * 2 // 3, story.currency))
    return {"variable": _variable(story, draw)} if draw.random() < 0.4 else {}


def _variable(story: Story, draw: Random) -> list[Json]:
    first = story.lines[0]
    refundable = draw.random() < 0.5
    owners: list[Json] = [first.line_id] if draw.random() < 0.5 and first.distinct else []
    return [
        {
            "variable_id": "V1",
            "method": "EXPECTED_VALUE",
            "outcomes": _outcomes(story, draw, -1 if refundable else 1),
            "highly_probable": None,
            "line_ids": owners,
            "refundable": refundable,
        }
    ]


def _outcomes(story: Story, draw: Random, sign: int) -> list[Json]:
    scale = 10 ** max(digits(story.currency), 2)
    chances = draw.choice((("1",), ("0.5", "0.5"), ("0.25", "0.75")))
    return [
        {"amount": amount(sign * draw.randint(1, 40) * scale, story.currency), "probability": chance}
        for chance in chances
    ]


def perform(story: Story, draw: Random, place: Place, signature: dict[str, Json], until: int) -> None:
    """Draft what happens to the lines that `promise` added."""
    stop = _end_of_service(story, until)
    for line in story.lines:
        if line.pattern == "UNITS":
            _deliver(line, draw, place, stop)
        elif line.pattern == "COST_TO_COST":
            _incur(story, line, draw, place, stop)
        elif line.pattern == "PREPAID":
            _draw_credits(story, line, draw, place, stop)
    variable = records(signature, "variable")
    if variable and draw.random() < 0.7:
        sign = -1 if variable[0]["refundable"] else 1
        body: dict[str, Json] = {
            "line_id": None,
            "variable_id": "V1",
            "outcomes": _outcomes(story, draw, sign),
            "highly_probable": None,
            "basis": "returns so far",
        }
        _on(draw, place, "EstimateChanged", body, story.lines[0].start + 20, stop, "finance")


def _end_of_service(story: Story, until: int) -> int:
    ends = [change.effective for change in story.changes if change.kind == "ContractTerminated"]
    return min([until, *ends]) - 10


def _on(draw: Random, place: Place, kind: str, body: dict[str, Json], first: int, last: int, source: str) -> int | None:
    """Place an event on some day; return it, or None when there is none."""
    if first > last:
        return None
    day = draw.randint(first, last)
    place(kind, body, day, source)
    return day


def _deliver(line: DraftLine, draw: Random, place: Place, stop: int) -> None:
    done, day = 0, line.start
    while done < line.quantity and draw.random() < 0.8:
        done = min(line.quantity, done + draw.randint(1, line.quantity))
        body: dict[str, Json] = {"line_id": line.line_id, "units": str(done)}
        found = _on(draw, place, "ObligationFulfilled", body, day + 1, min(day + 90, stop, line.end), "delivery")
        if found is None:
            return
        day = found


def _incur(story: Story, line: DraftLine, draw: Random, place: Place, stop: int) -> None:
    expected = line.price * 2 // 3
    done, day = 0, line.start
    for _ in range(draw.randint(0, 3)):
        done += draw.randint(1, max(1, expected // 4))
        expected = max(expected, done) if draw.random() < 0.6 else done + expected
        body: dict[str, Json] = {
            "line_id": line.line_id,
            "cost_incurred": amount(done, story.currency),
            "cost_expected": amount(expected, story.currency),
        }
        found = _on(draw, place, "ObligationFulfilled", body, day + 1, min(day + 90, stop, line.end), "delivery")
        if found is None:
            return
        day = found


def _draw_credits(story: Story, line: DraftLine, draw: Random, place: Place, stop: int) -> None:
    left = line.price or line.quantity
    for month in range(month_of(line.start), month_of(line.end) + 1):
        first, last = max(line.start, last_day(month - 1) + 1), min(line.end, last_day(month), stop)
        used = draw.randint(0, left // 3)
        if first > last or not used or draw.random() < 0.3:
            continue
        left -= used
        body: dict[str, Json] = {
            "line_id": line.line_id,
            "usage_start": iso(first),
            "usage_end": iso(last),
            "quantity": "1" if line.price else str(used),
            "amount": amount(used, story.currency) if line.price else "0",
            "tier": "credits",
        }
        minute = (last + 1) * DAY + draw.randint(60, DAY)
        story.optional.append(Draft("UsageRated", body, minute, last, 1, "metering"))
    if draw.random() < 0.4:
        share = draw.choice(("0", "5", "20", "33.3"))
        body = {"line_id": line.line_id, "breakage_percent": share, "basis": "use of others"}
        _on(draw, place, "EstimateChanged", body, line.start + 20, min(stop, line.end), "finance")


def exercise(story: Story, day: int, version: int) -> dict[str, Json] | None:
    """Return the body of an amendment that exercises the contract's option; None when it does not suit."""
    line = next((x for x in story.lines if x.ratable() and x.distinct and x.running(day)), None)
    if line is None:
        return None
    price = max(1, line.price // 5)
    new = DraftLine(f"E{version}", "analytics", "RATABLE_DAILY", 3, price, price * 5 // 4, day, line.end)
    new.signed, new.version = False, version
    story.lines.append(new)
    return {
        "added_lines": [new.as_json(story.currency)],
        "changed_lines": [],
        "removed_lines": [],
        "requested_treatment": None,
        "approved": True,
        "exercised_options": ["O1"],
    }


def correct(story: Story, draw: Random, until: int, fits: Callable[[Story], bool]) -> None:
    """Draft a correction of something that was told of the promise or the price, if one suits."""
    kinds = CHANGES | {"ObligationFulfilled", "EstimateChanged"}
    corrected = {draft.supersedes for draft in story.told}
    candidates = [d for d in story.told if d.pinned and d.kind in kinds and d not in corrected]
    for _ in range(4 if candidates else 0):
        wrong = draw.choice(candidates)
        body = _amended(wrong, draw, story.currency)
        at = max(change.at for change in [*story.changes, wrong]) if draw.random() < 0.3 else wrong.at
        at += draw.randint(2, 100) * DAY + draw.randint(1, 600)
        if body is None or at // DAY > until:
            continue
        effective = wrong.effective
        if wrong.kind == "ObligationFulfilled":
            effective = max(effective + draw.choice((-6, -2, 0, 3)), story.lines[0].start)
        right = replace(wrong, body=body, at=at, effective=effective, pinned=False, needs=wrong, supersedes=wrong)
        story.told.append(right)
        if fits(story):
            return
        story.told.remove(right)


def _amended(wrong: Draft, draw: Random, currency: str) -> dict[str, Json] | None:
    """Return what should have been told: another amount, elsewhere, or nothing."""
    body = dict(wrong.body)
    if wrong.kind == "ObligationFulfilled":
        if draw.random() < 0.4:
            return {"line_id": body["line_id"], "percent": "0", "milestone": ""}
        return body
    if wrong.kind == "EstimateChanged":
        if body.get("price_change") is None:
            return body | {"basis": "corrected"}
        return body | {"price_change": _more(body["price_change"], draw, currency)}
    if wrong.kind == "ContractTerminated":
        return body | {"fee": amount(draw.randint(1, 5) * 10 ** max(digits(currency), 2), currency)}
    for name in ("changed_lines", "added_lines", "lines"):
        lines = records(body, name)
        if lines:
            changed = {**lines[0], "price": _more(lines[0]["price"], draw, currency)}
            if name != "changed_lines" and draw.random() < 0.5:
                changed["product_line"] = "training"
            if changed["price"] == lines[0]["price"] or exact(str(changed["price"])) <= 0:
                return None
            return body | {name: [changed, *lines[1:]]}
    return None


def _more(value: Json, draw: Random, currency: str) -> Json:
    scale = 10 ** digits(currency)
    units = exact(str(value)) * scale
    return amount(int(units) + max(1, abs(int(units)) // 50) * draw.choice((-2, -1, 1, 3)), currency)
