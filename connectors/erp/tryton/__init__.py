"""Tryton as the ERP, spoken to by JSON-RPC over HTTP."""

from connectors.erp.tryton.erp import TrytonErp
from connectors.erp.tryton.session import TrytonAccess

__all__ = ["TrytonAccess", "TrytonErp"]
