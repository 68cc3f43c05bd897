"""connectors.yaml: its shape, and the policies that the posting stage calls the revenue platform and the ERP by.

Which connectors there are, and where they connect, is a matter of the settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from streams.config.errors import PolicyError, Problem
from streams.config.files import FileModel
from streams.core.connector_policy import BreakerRule, ConnectorPolicy, PostingPolicy, RateRule, RetryRule
from streams.core.rate import share_of

FILE = "connectors.yaml"
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class RetryEntry(FileModel):
    first_wait_seconds: Seconds = Field(description="longest wait before the second attempt, in seconds; then doubled")
    longest_wait_seconds: Seconds = Field(description="longest wait between two attempts, in seconds")
    longest_in_all_seconds: Seconds = Field(
        description="waits of one call added up, in seconds, after which the breaker opens whatever its count"
    )

    @model_validator(mode="after")
    def _waits_grow(self) -> RetryEntry:
        if not self.first_wait_seconds <= self.longest_wait_seconds <= self.longest_in_all_seconds:
            raise ValueError("first_wait_seconds <= longest_wait_seconds <= longest_in_all_seconds")
        return self


class BreakerEntry(FileModel):
    failures: int = Field(ge=1, le=1000, description="calls without an answer in a row that open the breaker")
    open_seconds: Seconds = Field(description="longest time, in seconds, until one call looks whether it is back")
    denied_seconds: Seconds = Field(description="the same, in seconds, after the credentials were refused")


class RateEntry(FileModel):
    calls_per_second: float = Field(
        gt=0, le=100_000, allow_inf_nan=False, description="most calls a second of the whole stage, on average"
    )
    burst: int = Field(ge=1, le=100_000, description="calls at once of the whole stage; as many as partitions at least")


class ConnectorEntry(FileModel):
    commands_per_call: int = Field(ge=1, le=100_000, description="most commands in one call")
    concurrency: int = Field(ge=1, le=64, description="calls at once for one batch, never two for the same contract")
    rate: RateEntry | None = Field(description="most calls; null: as many as there is work for")
    retry: RetryEntry = Field(description="waits between attempts of a call")
    breaker: BreakerEntry = Field(description="when a connector is left alone")

    def policy(self) -> ConnectorPolicy:
        """Return the value that the posting stage reads."""
        return ConnectorPolicy(
            commands_per_call=self.commands_per_call,
            concurrency=self.concurrency,
            retry=RetryRule(
                self.retry.first_wait_seconds, self.retry.longest_wait_seconds, self.retry.longest_in_all_seconds
            ),
            breaker=BreakerRule(self.breaker.failures, self.breaker.open_seconds, self.breaker.denied_seconds),
            rate=RateRule(self.rate.calls_per_second, self.rate.burst) if self.rate is not None else None,
        )


class PostingEntry(FileModel):
    revenue: ConnectorEntry = Field(description="calls to the revenue platform")
    erp: ConnectorEntry = Field(description="calls to the ERP")


class ConnectorsFile(FileModel):
    """connectors.yaml"""

    posting: PostingEntry = Field(description="how the posting stage calls its connectors")

    def policy(self) -> PostingPolicy:
        """Return the value that the posting stage reads."""
        return PostingPolicy(self.posting.revenue.policy(), self.posting.erp.policy())


def check_shares(policy: PostingPolicy, partitions: int, folder: Path) -> None:
    """Check that every partition gets a share of each rate. Raises PolicyError naming every one that is too small."""
    problems = []
    for name, connector in (("revenue", policy.revenue), ("erp", policy.erp)):
        try:
            if connector.rate is not None:
                share_of(connector.rate, partitions)
        except ValueError:
            problems.append(
                Problem(
                    str(folder / FILE),
                    f"posting.{name}.rate.burst",
                    str(connector.rate.burst if connector.rate else ""),
                    f"at least {partitions}, one call for each of the {partitions} partitions (TIEOUT_PARTITIONS)",
                    "Raise the burst: every partition calls on its own, so all of them may call at once.",
                )
            )
    if problems:
        raise PolicyError(problems)
