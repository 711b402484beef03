"""The policy that ``crossfoot.yaml`` states, as the plain values that decisions follow."""

from __future__ import annotations

from crossfoot.core.documents import LineAmounts
from crossfoot.core.policy import Brake, Coding, Policy
from crossfoot.mapping.settings import SettingsFile
from crossfoot.mapping.transforms import country_code


def policy_of(file: SettingsFile) -> Policy:
    """Every choice that planning needs."""
    settings = file.settings
    rule, coding = settings.policy, settings.coding
    return Policy(
        start_date=settings.start_date,
        coding=Coding(
            account=coding.account,
            no_products_account=coding.no_products_account,
            tax=coding.tax,
            home_country=coding.home_country,
            # as it is written too, since a mapping without the transform gives a customer's country in its own words
            tax_by_country={country_code(name): tax for name, tax in coding.tax_by_country.items()}
            | coding.tax_by_country,
        ),
        line_amounts=LineAmounts.INCLUSIVE if settings.prices == "inc_tax" else LineAmounts.EXCLUSIVE,
        status="AUTHORISED" if rule.create == "approved" else "DRAFT",
        approve_up_to=rule.approve_up_to,
        due_days=rule.due_days,
        number_prefix=rule.number.prefix,
        double_billing_days=rule.double_billing_days,
        rounding_max=rule.rounding_max,
        cancel_drafts=rule.cancel == "delete_drafts",
        brake=Brake(
            creations=rule.brake.creations,
            amount=rule.brake.amount,
            times_biggest_recent_run=rule.brake.times_biggest_recent_run,
            changes=rule.brake.changes,
            changed_percent_of_links=rule.brake.changed_percent_of_links,
            first_live_run=rule.brake.first_live_run,
            records=rule.brake.records,
            vanished_percent_of_links=rule.brake.vanished_percent_of_links,
            payments=rule.brake.payments,
            on_test_pair=rule.brake.on_test_pair,
        ),
    )
