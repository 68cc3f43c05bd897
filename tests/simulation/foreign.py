"""The revenue platform and the ERP, in memory, over a network that loses answers; and what must hold at their doors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from connectors.erp.ledger.memory import MemoryLedger
from connectors.protocols import AccountBalance, ConnectorUnavailable, PeriodStatus, RevenuePosition
from connectors.revenue.embedded.memory import Answer, MemoryRevenuePlatform
from streams.records import ErpPosting, PostingAccepted, PostingRejected, RevenueAccepted, RevenueCommand
from tests.simulation.runtime import here, point


class Weather(Protocol):
    """What the network does to a call."""

    def unavailable(self, system: str) -> bool: ...

    def answer_lost(self, call: str) -> bool: ...


class ForeignRevenue:
    """`RevenuePlatform`: every command is a point of its own."""

    def __init__(self, weather: Weather) -> None:
        self.platform = MemoryRevenuePlatform()
        self.commands: dict[str, RevenueCommand] = {}
        self.answers: dict[str, Answer] = {}
        self.calls = 0
        self._weather = weather

    def execute(self, commands: Sequence[RevenueCommand]) -> list[Answer]:
        if self._weather.unavailable("revenue"):
            raise ConnectorUnavailable("simulated: revenue is not reachable")
        process, answers = here(), []
        for command in commands:
            point(process, "revenue command")
            first = self.commands.setdefault(command.command_id, command)
            assert first.body == command.body, f"{command.command_id} came with another body: {first} then {command}"
            self.calls += 1
            (answer,) = self.platform.execute([command])
            answers.append(answer)
            self.answers[command.command_id] = answer
        point(process, "revenue answers")
        if self._weather.answer_lost("revenue"):
            raise ConnectorUnavailable("simulated: the answer of revenue is lost")
        return answers

    def position(self, contract_id: str) -> RevenuePosition | None:
        return self.platform.position(contract_id)


class ForeignErp:
    """`Erp`: every posting is a point of its own, and none may come before its revenue acknowledgment is committed."""

    def __init__(self, weather: Weather, ledger: MemoryLedger, revenue: ForeignRevenue) -> None:
        self.ledger = ledger
        self.calls = 0
        self.acknowledged: Callable[[str], bool] = lambda _: False
        self._first: dict[str, ErpPosting] = {}
        self._weather = weather
        self._revenue = revenue

    def post(self, postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        if self._weather.unavailable("erp"):
            raise ConnectorUnavailable("simulated: the ERP is not reachable")
        process, answers = here(), []
        for posting in postings:
            point(process, "posting")
            self._check(posting)
            self.calls += 1
            answers += self.ledger.post([posting])
        point(process, "ERP answers")
        if self._weather.answer_lost("erp"):
            raise ConnectorUnavailable("simulated: the answer of the ERP is lost")
        return answers

    def _check(self, posting: ErpPosting) -> None:
        first = self._first.get(posting.command_id)
        if first is not None:
            assert first.body == posting.body, f"{posting.command_id} came with another body: {first} then {posting}"
            return
        self._first[posting.command_id] = posting
        released_by = posting.revenue_command_id
        if released_by is not None:
            answer = self._revenue.answers.get(released_by)
            assert isinstance(answer, RevenueAccepted), f"{posting} is not backed by revenue: {answer}"
            assert self.acknowledged(released_by), f"{posting} came before its revenue acknowledgment was committed"

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        return self.ledger.balances(contract_id)

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        return self.ledger.posted(command_ids)

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        return self.ledger.period_status(legal_entity, period)
