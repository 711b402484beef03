"""The policy that decisions follow: what ``crossfoot.yaml`` says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from crossfoot.core.documents import LineAmounts


@dataclass(frozen=True, slots=True)
class Brake:
    """When to stop and ask before creating or changing much. Amounts are in the organisation's base currency."""

    creations: int = 50
    amount: Decimal = Decimal(250_000)
    times_biggest_recent_run: Decimal = Decimal(3)
    changes: int = 10
    changed_percent_of_links: Decimal = Decimal(5)
    first_live_run: int = 5
    records: int = 50
    vanished_percent_of_links: Decimal = Decimal(20)
    payments: int = 50
    on_test_pair: bool = False


@dataclass(frozen=True, slots=True)
class Coding:
    """Named defaults for what neither the product nor the Xero item says, and the tax of foreign customers."""

    account: str = ""
    no_products_account: str = ""
    tax: str = ""
    home_country: str = ""
    tax_by_country: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """Every choice of the default policy that planning needs."""

    start_date: date
    coding: Coding
    line_amounts: LineAmounts = LineAmounts.EXCLUSIVE
    status: str = "DRAFT"
    approve_up_to: Decimal = Decimal(0)
    """Gross, in the organisation's base currency."""
    due_days: int = 14
    number_prefix: str = ""
    double_billing_days: int = 45
    rounding_max: Decimal = Decimal("0.05")
    cancel_drafts: bool = False
    brake: Brake = field(default_factory=Brake)
