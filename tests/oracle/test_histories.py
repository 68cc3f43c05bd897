"""What holds for every generated history, however it is disturbed."""

from __future__ import annotations

import ast
import json
import random
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.oracle.batch import Result, calculate
from tests.oracle.cases import CONFIG
from tests.oracle.disturbance import CALM, Disturbance
from tests.oracle.drafts import ENTITIES
from tests.oracle.generator import generate, generate_history, main, write_jsonl
from tests.oracle.reading import Event, Json, integer, record, records, text

AVRO = Path(__file__).parents[2] / "avro"
WILD = Disturbance(duplicates=0.15, early=1.0, swaps=0.3, late=0.2)


def outcome(result: Result) -> tuple[object, ...]:
    ends = {name: (c.version, c.billed, c.recognised, c.schedule, c.treatments) for name, c in result.contracts.items()}
    return result.balances, ends, result.parked, result.rejected, result.held


def without_repetitions(events: list[Event]) -> dict[str, Event]:
    return {text(event, "event_id"): event for event in events}


@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_history_can_be_applied_and_balances(seed: int, wider: bool) -> None:
    history = generate_history(seed, 120, 3_000, WILD, wider=wider)
    result = calculate(history.events, CONFIG)
    assert len(history.events) == 3_000
    assert (result.parked, result.rejected, result.held) == (frozenset(), {}, frozenset())
    assert len(result.contracts) == 120
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (entity, _, currency), amount in result.balances.items():
        totals[entity, currency] += amount
    assert set(totals.values()) == {Decimal(0)}


@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_disturbance_changes_nothing_in_the_end(seed: int, wider: bool) -> None:
    wild = generate_history(seed, 100, 2_500, WILD, wider=wider).events
    happened = sorted(without_repetitions(wild).values(), key=lambda e: (text(e, "occurred_at"), text(e, "event_id")))
    assert happened != list(without_repetitions(wild).values())
    assert outcome(calculate(wild, CONFIG)) == outcome(calculate(happened, CONFIG))


@pytest.mark.parametrize("wider", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_delay_of_acknowledgments_changes_nothing_in_the_end(seed: int, wider: bool) -> None:
    history = generate_history(seed, 100, 2_500, WILD, wider=wider)
    delayed = as_if_acknowledged_late(history.events, history.last_closes, random.Random(seed))
    assert outcome(calculate(delayed, CONFIG)) == outcome(calculate(history.events, CONFIG))


def as_if_acknowledged_late(events: list[Event], last_closes: int, draw: random.Random) -> list[Event]:
    """Return the events in the order of application, where a contract change comes into force some arrivals later."""
    applied: list[Event] = []
    waiting: dict[str, list[Event]] = defaultdict(list)
    in_force: Counter[str] = Counter()
    sequences: Counter[tuple[str, str]] = Counter()
    pending: dict[str, tuple[int, int]] = {}
    """By contract, the arrivals to go until the acknowledgment and the version that it brings."""

    def release(contract: str) -> None:
        queue = waiting[contract]
        place = 0
        while place < len(queue):
            event = queue[place]
            context = record(event["context"])
            source, version = (contract, text(context, "source_system")), integer(context, "contract_version")
            change = text(event, "event_type").startswith("Contract") and event["supersedes"] is None
            in_turn = event["source_sequence"] in {None, sequences[source] + 1}
            free = contract not in pending and version == in_force[contract] + 1
            if not in_turn or not (free if change else version <= in_force[contract]):
                place += 1
                continue
            applied.append(queue.pop(place))
            sequences[source] += event["source_sequence"] is not None
            if change:
                pending[contract] = (draw.choice((0, 0, 1, 2, 5)), version)
            place = 0

    def acknowledge(contract: str) -> None:
        _, in_force[contract] = pending.pop(contract)
        release(contract)

    for event in without_repetitions(events[:-last_closes]).values():
        contract = text(record(event["context"]), "contract_id")
        if contract == "*":
            applied.append(event)
            continue
        waiting[contract].append(event)
        release(contract)
        while contract in pending and pending[contract][0] == 0:
            acknowledge(contract)
        if contract in pending:
            pending[contract] = (pending[contract][0] - 1, pending[contract][1])
    while pending:
        acknowledge(next(iter(pending)))
    return applied + events[-last_closes:]


def test_the_whole_price_of_satisfied_contracts_is_recognised() -> None:
    events = generate(11, 200, 3_000)
    for year in (2027, 2028, 2029, 2030):
        for month in range(1, 13):
            for entity in ENTITIES:
                close: Event = {
                    "event_id": f"{entity}{year}{month}",
                    "event_type": "PeriodClosed",
                    "context": {"contract_id": "*", "legal_entity": entity},
                    "body": {"PeriodClosed": {"period": f"{year}-{month:02d}"}},
                }
                events.append(close)
    result = calculate(events, CONFIG)
    assert {
        name for name, c in result.contracts.items() if c.recognised + c.unscheduled != c.transaction_price
    } == set()
    assert sum(1 for c in result.contracts.values() if c.unscheduled == 0) > 100


def test_the_calculation_of_a_contract_needs_no_other_contract() -> None:
    events = generate(5, 60, 1_200)
    whole = calculate(events, CONFIG)
    for name in list(whole.contracts)[:10]:
        alone = calculate([e for e in events if name in str(e["context"]) or "'*'" in str(e["context"])], CONFIG)
        assert alone.contracts[name] == whole.contracts[name]


def test_histories_hold_what_they_promise() -> None:
    """All kinds of events, treatments, disturbances; several amendments a contract; two tax regions on a document."""
    events = generate(7, 1_000, 12_000)
    result = calculate(events, CONFIG)
    kinds = Counter(text(event, "event_type") for event in events)
    assert set(kinds) >= {
        *(
            "ContractSigned",
            "ContractAmended",
            "ContractRenewed",
            "ContractTerminated",
            "InvoiceIssued",
            "CreditIssued",
        ),
        *("PaymentReceived", "RefundIssued", "UsageRated", "ObligationFulfilled", "EstimateChanged", "PeriodClosed"),
    }
    treatments = {treatment for contract in result.contracts.values() for treatment in contract.treatments}
    assert treatments == {"SEPARATE_CONTRACT", "PROSPECTIVE", "CUMULATIVE_CATCH_UP", "MIXED", "TERMINATION"}
    assert max(contract.version for contract in result.contracts.values()) >= 4
    assert len(result.duplicates) == 360
    assert result.journals["Reversal"] > 20
    assert result.journals["Intercompany"] > 20
    assert any('"US-CA"' in line and '"US-NY"' in line for line in map(_json, events))
    assert _early_invoices(events) > 50


def test_wider_histories_hold_what_they_promise() -> None:
    """All patterns, all terms, and a correction of every kind of event that changes a contract."""
    events = generate_history(7, 300, 9_000, wider=True).events
    signed = [
        record(record(event["body"])["ContractSigned"]) for event in events if "Signed" in str(event["event_type"])
    ]
    patterns = {text(line, "pattern") for body in signed for line in records(body, "lines")}
    assert patterns >= {"PREPAID", "AS_INVOICED", "UNITS", "COST_TO_COST"}
    assert any(
        line["pattern"] == "USAGE" and line["price"] != "0" for body in signed for line in records(body, "lines")
    )
    assert any(item["refundable"] for body in signed for item in records(body, "variable"))
    assert any("exercised_options" in str(event["body"]) for event in events)
    corrected = {event["event_type"] for event in events if event["supersedes"] is not None}
    assert corrected >= {
        *("ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"),
        *("ObligationFulfilled", "EstimateChanged", "InvoiceIssued"),
    }
    assert any(account == "2400" for _, account, _ in calculate(events, CONFIG).balances), "a refund liability"


def _json(event: Event) -> str:
    return str(event).replace("'", '"')


def _early_invoices(events: list[Event]) -> int:
    in_force: dict[str, int] = {}
    early = 0
    for event in events:
        context = record(event["context"])
        contract, version = text(context, "contract_id"), integer(context, "contract_version")
        if text(event, "event_type").startswith("Contract"):
            in_force[contract] = max(in_force.get(contract, 0), version)
        elif text(event, "event_type") == "InvoiceIssued":
            early += version > in_force.get(contract, 0)
    return early


def test_events_are_written_as_the_schemas_say() -> None:
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in AVRO.glob("*.avsc")}

    def check(value: Json, name: str) -> None:
        fields = {field["name"]: field for field in schemas[name]["fields"]}
        found = record(value)
        assert set(found) <= set(fields), name
        assert {field for field in fields if "default" not in fields[field]} <= set(found), name
        for key, inner in found.items():
            kind = fields[key]["type"]
            if isinstance(kind, dict) and kind["type"] == "array" and str(kind["items"]).startswith("tieout."):
                for item in records(found, key):
                    check(item, kind["items"].removeprefix("tieout."))
            elif isinstance(kind, str) and schemas.get(kind.removeprefix("tieout."), {}).get("type") == "record":
                check(inner, kind.removeprefix("tieout."))

    for event in [*generate(9, 400, 6_000), *generate_history(9, 100, 3_000, wider=True).events]:
        check(event, "CommercialEvent")
        check(record(event["body"])[text(event, "event_type")], text(event, "event_type"))


def test_the_calculation_shares_no_code_with_the_product() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"streams", "connectors"}, path


def test_broken_events_are_named_and_never_applied() -> None:
    history = generate_history(3, 100, 2_000, Disturbance(broken=0.03))
    result = calculate(history.events, CONFIG)
    assert len(history.broken) == 60
    assert set(history.broken) == result.parked | set(result.rejected)


def test_the_same_seed_gives_the_same_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "library.jsonl", tmp_path / "command.jsonl"]
    write_jsonl(paths[0], generate(7, 50, 600))
    arguments = ["generator", "--seed", "7", "--contracts", "50", "--events", "600", str(paths[1])]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert generate(8, 50, 600, CALM) != generate(7, 50, 600, CALM)


@pytest.mark.slow
def test_a_hundred_thousand_events_are_quick() -> None:
    begin = time.process_time()
    events = generate(1, 10_000, 100_000)
    generated = time.process_time()
    calculate(events, CONFIG)
    assert generated - begin < 20
    assert time.process_time() - generated < 60
