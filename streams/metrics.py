"""The one list of metrics (domain, measures). Each says what it tells an operator; dashboards are tested against it.

Names follow Prometheus' conventions: base units, `_total` for counters. Labels are bounded sets, never ids.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_PROCESSING_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

RECORDS_READ = Counter(
    "tieout_records_read_total", "Records read, by stage and topic: whether a stage is fed.", ["stage", "topic"]
)
BATCH_SECONDS = Histogram(
    "tieout_batch_seconds",
    "Seconds to work on one micro-batch without its commit: whether a stage is slow.",
    ["stage", "topic"],
    buckets=_SECONDS,
)
COMMIT_SECONDS = Histogram(
    "tieout_commit_seconds",
    "Seconds to commit one micro-batch: whether the brokers are slow.",
    ["stage", "topic"],
    buckets=_SECONDS,
)
BACKLOG_SECONDS = Gauge(
    "tieout_backlog_seconds",
    "Age in seconds of the last record read, by stage, topic and partition: how far a stage lags behind.",
    ["stage", "topic", "partition"],
)
BACKLOG_RECORDS = Gauge(
    "tieout_backlog_records",
    "Records that a stage has not read yet, by topic and partition.",
    ["stage", "topic", "partition"],
)
API_EVENTS = Counter(
    "tieout_api_events_total",
    "Events sent to the API, by outcome: accepted, refused, or unavailable when the broker did not acknowledge.",
    ["outcome"],
)
API_WEBHOOKS = Counter(
    "tieout_api_webhooks_total",
    "Webhook deliveries by source and outcome: accepted, ignored (no rule of the mapping is about it), refused, "
    "unauthorized, or unavailable when the broker did not acknowledge.",
    ["source", "outcome"],
)
API_SECONDS = Histogram(
    "tieout_api_request_seconds",
    "Seconds from a request for events to its answer, by status: whether sources wait, and for what.",
    ["status"],
    buckets=_SECONDS,
)
EVENT_OUTCOMES = Counter(
    "tieout_event_outcomes_total",
    "Outcomes of events by type and status: posted, parked, exception, duplicate, refused.",
    ["event_type", "status"],
)
AMENDMENT_SECONDS = Histogram(
    "tieout_amendment_processing_seconds",
    "Seconds from the signature of a contract change to its acceptance in revenue recognition.",
    buckets=_PROCESSING_SECONDS,
)
REVENUE_ACK_SECONDS = Histogram(
    "tieout_revenue_ack_seconds",
    "Seconds from sending a revenue command to its acknowledgment.",
    buckets=_PROCESSING_SECONDS,
)
POSTING_ACK_SECONDS = Histogram(
    "tieout_posting_ack_seconds", "Seconds from releasing a posting to its acknowledgment.", buckets=_PROCESSING_SECONDS
)
EXCEPTIONS_RAISED = Counter(
    "tieout_exceptions_total", "Exceptions raised, by root cause and owner: who has work.", ["root_cause", "owner"]
)
MONTH_END_EXCEPTIONS = Counter(
    "tieout_month_end_exceptions_total",
    "Exceptions raised, by the entity's fiscal period, owner and root cause: what the end of a period brings.",
    ["period", "owner", "root_cause"],
)
FAILED_POSTINGS = Counter(
    "tieout_failed_postings_total", "Postings that the ERP refused, by reason code.", ["code", "retryable"]
)
PARKED_EVENTS = Gauge("tieout_parked_events", "Events that wait, by partition.", ["partition"])
COMMANDS_PENDING = Gauge("tieout_commands_pending", "Revenue commands without an answer, by partition.", ["partition"])
POSTINGS_PENDING = Gauge("tieout_postings_pending", "Postings without a final answer, by partition.", ["partition"])
PERIOD_CLOSED_THROUGH = Gauge(
    "tieout_period_closed_through",
    "Last period closed, as the number YYYYMM, by legal entity and partition; 0 when none is.",
    ["legal_entity", "partition"],
)
PERIOD_LOCKED_THROUGH = Gauge(
    "tieout_period_locked_through",
    "Last period locked (HARD), as the number YYYYMM, by legal entity and partition; 0 when none is.",
    ["legal_entity", "partition"],
)
PERIODS_OPEN_AGAIN = Gauge(
    "tieout_periods_open_again",
    "Closed periods that are open again, by legal entity and partition: they must be closed before the next lock.",
    ["legal_entity", "partition"],
)
PERIOD_EVENTS_ON_THEIR_WAY = Gauge(
    "tieout_period_events_on_their_way",
    "Period events that have not reached every contract yet, by partition: whether recognition runs are still started.",
    ["partition"],
)
COMMANDS_RESENT = Counter("tieout_commands_resent_total", "Commands and postings sent again for want of an answer.")
DEAD_LETTERS = Counter(
    "tieout_dead_letters_total",
    "Records that could not be read, by topic and fault; each is an exception.",
    ["topic", "fault"],
)
VARIANCE = Gauge(
    "tieout_reconciliation_variance",
    "Absolute difference between systems in the currency's unit, by partition, entity, currency and measure.",
    ["partition", "legal_entity", "currency", "measure"],
)
CONTRACTS_IN_VARIANCE = Gauge(
    "tieout_contracts_in_variance", "Contracts whose systems do not tie out, by partition.", ["partition"]
)
CONNECTOR_FAILURES = Counter(
    "tieout_connector_failures_total",
    "Calls to a foreign system that are made again, by connector and why: unavailable, throttled or denied.",
    ["connector", "why"],
)
CONNECTOR_BREAKER = Gauge(
    "tieout_connector_breaker_state",
    "Whether a worker calls a connector: 0 yes, 1 one call looks whether it is back, 2 no and its batches are held.",
    ["connector"],
)
CONNECTOR_DENIED = Gauge(
    "tieout_connector_denied",
    "1 while a foreign system refuses the credentials or their rights: an operator must act.",
    ["connector"],
)
CONNECTOR_THROTTLED_SECONDS = Counter(
    "tieout_connector_throttled_seconds_total",
    "Seconds that batches waited for the rate of a connector, by whose wish: own_rate, or that of the system.",
    ["connector", "by"],
)
