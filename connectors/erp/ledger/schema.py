"""The ledger's tables. Amounts are exact: NUMERIC on PostgreSQL, whole ten-thousandths on SQLite, never floats."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    func,
    text,
)
from sqlalchemy.types import TypeEngine

# No ISO 4217 currency has more than four decimals.
SCALE = 4
AMOUNT_LIMIT = Decimal(10) ** 13
"""Amounts of a line stay below this, so that sums of many lines fit into 64 bits of ten-thousandths."""

COMMAND_ID_LENGTH = 64

metadata = MetaData()


class Amount(TypeDecorator[Decimal]):
    """A decimal with up to four places."""

    impl = Numeric(22, SCALE)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal] | TypeEngine[int]:
        """Return the column type of the database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(22, SCALE))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        """Turn a decimal into what the database stores. Raises ValueError when it has more than four places."""
        if value is None or dialect.name != "sqlite":
            return value
        scaled = int(value * 10**SCALE)
        if Decimal(scaled).scaleb(-SCALE) != value:
            raise ValueError(f"the amount {value} has more than {SCALE} decimals")
        return scaled

    def process_result_value(self, value: Decimal | int | None, dialect: Dialect) -> Decimal | None:
        """Turn what the database stores into a decimal."""
        if value is None:
            return None
        return Decimal(value).scaleb(-SCALE) if dialect.name == "sqlite" else Decimal(value)


_Id = BigInteger().with_variant(Integer(), "sqlite")

entries = Table(
    "ledger_entries",
    metadata,
    Column("entry_id", _Id, primary_key=True, autoincrement=True),
    Column("command_id", String(COMMAND_ID_LENGTH), nullable=False, unique=True),
    Column("document_number", String(96), nullable=False, unique=True),
    Column("entity", String(64), nullable=False),
    Column("period", String(7), nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("contract_id", Text, nullable=False, index=True),
    Column("contract_version", Integer, nullable=False, server_default=text("0")),
    Column("customer", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("source_system", Text, nullable=False),
    Column("source_transaction_id", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("reverses_command_id", Text, index=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.current_timestamp()),
    Column("functional_currency", String(3), nullable=False, server_default=text("''")),
    Index("ix_ledger_entries_entity_period", "entity", "period"),
)

lines = Table(
    "ledger_lines",
    metadata,
    Column("entry_id", _Id, ForeignKey("ledger_entries.entry_id"), primary_key=True, autoincrement=False),
    Column("line_number", SmallInteger, primary_key=True, autoincrement=False),
    Column("account", String(64), nullable=False),
    Column("debit", Amount, nullable=False),
    Column("credit", Amount, nullable=False),
    Column("product_line", Text, nullable=False),
    Column("jurisdiction", Text, nullable=False),
    Column("partner_entity", Text, nullable=False),
    Column("functional_debit", Amount, nullable=False, server_default=text("0")),
    Column("functional_credit", Amount, nullable=False, server_default=text("0")),
)

periods = Table(
    "ledger_periods",
    metadata,
    Column("entity", String(64), primary_key=True),
    Column("period", String(7), primary_key=True),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=func.current_timestamp()),
)

numbers = Table(
    "ledger_numbers",
    metadata,
    Column("entity", String(64), primary_key=True),
    Column("year", String(4), primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    comment="Last document number of an entity and year; its row is the lock of posting and closing.",
)
