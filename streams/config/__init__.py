"""What can be configured: settings of the processes (`settings`) and what finance decides (`policy`).

Reads files and environment once, at start, into frozen values; knows nothing of brokers, tables or events in flight.
"""

from streams.config.chart import Account, AccountType, BusinessCalendar, ChartOfAccounts, TaxJurisdiction
from streams.config.errors import ConfigurationError, PolicyError, Problem, SettingsError
from streams.config.policy import Configuration, load_chart, load_configuration, load_policy
from streams.config.settings import Settings, load_settings

__all__ = [
    "Account",
    "AccountType",
    "BusinessCalendar",
    "ChartOfAccounts",
    "Configuration",
    "ConfigurationError",
    "PolicyError",
    "Problem",
    "Settings",
    "SettingsError",
    "TaxJurisdiction",
    "load_chart",
    "load_configuration",
    "load_policy",
    "load_settings",
]
