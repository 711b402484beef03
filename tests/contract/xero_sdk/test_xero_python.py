"""The official Python SDK, unmodified and over real HTTP, works on the Xero emulator as on Xero (XERO 9.1)."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.emulators.host import Host

from .conftest import served
from .integration import DAY, App, TokenApi, draft, exceptions, models, payment, unique

ZERO_ID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def identity_host(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK has no setting for Xero's identity host, only these constants."""
    for name in ("client_credentials_token_url", "refresh_token_url"):
        monkeypatch.setattr(TokenApi, name, f"{app.url}/connect/token")
    monkeypatch.setattr(TokenApi, "revoke_token_url", f"{app.url}/connect/revocation")


def test_an_expired_token_is_refreshed_and_the_refresh_token_rotates(host: Host, identity_host: None) -> None:
    app = App(host)
    old = dict(app.token)
    app.token["expires_at"] = 1.0
    assert app.call("get_organisations").organisations
    assert app.token["access_token"] != old["access_token"]
    assert app.token["refresh_token"] != old["refresh_token"]
    assert "accounting.contacts" in app.token["scope"]


def test_an_unknown_refresh_token_is_an_invalid_grant(host: Host, identity_host: None) -> None:
    app = App(host)
    app.token |= {"expires_at": 1.0, "refresh_token": "unknown"}
    with pytest.raises(exceptions.ApiException) as caught:
        app.call("get_organisations")
    assert caught.value.status == 400
    assert json.loads(caught.value.body) == {"error": "invalid_grant"}


def test_revoking_the_token_ends_the_connection(host: Host, identity_host: None) -> None:
    app = App(host)
    app.token["expires_at"] = 1.0
    assert app.identity.get_connections()  # by a refreshed token: the ready ones belong to two users
    access_token = app.token["access_token"]
    app.client.revoke_oauth2_token()
    assert app.token["access_token"] is None
    app.token = {"access_token": access_token, "scope": [], "expires_in": 1800, "token_type": "Bearer"}
    assert app.identity.get_connections() == []


def test_a_custom_connection_asks_for_its_own_token(host: Host, identity_host: None) -> None:
    app = App(host)
    assert app.client.get_client_credentials_token()
    assert "refresh_token" not in app.token
    app.tenant = ""
    assert app.call("get_organisations").organisations[0].name == "Harbour Point Advisory"


def test_connections_are_listed_and_one_is_removed(tmp_path: Path) -> None:
    with served(tmp_path) as host:
        app = App(host)
        (connection,) = app.identity.get_connections()
        assert (connection.tenant_id, connection.tenant_type) == (app.tenant, "ORGANISATION")
        app.identity.delete_connection(connection.id)
        assert app.identity.get_connections() == []
        with pytest.raises(exceptions.HTTPStatusException) as caught:
            app.call("get_organisations")
        assert caught.value.status == 403


def test_organisation_and_what_it_may_do(app: App) -> None:
    (organisation,) = app.call("get_organisations").organisations
    assert (organisation.organisation_id, organisation.base_currency.value) == (app.tenant, "AUD")
    actions = {action.name: action.status for action in app.call("get_organisation_actions").actions}
    assert actions["CreateApprovedInvoice"] == "ALLOWED"


def test_accounts_are_created_changed_and_filtered(app: App) -> None:
    name = unique("Support income")
    account = models.Account(code="2990", name=name, type=models.AccountType("REVENUE"), tax_type="OUTPUT")
    (made,) = app.call("create_account", account).accounts
    assert (made._class, made.status) == ("REVENUE", "ACTIVE")
    change = models.Accounts(accounts=[models.Account(account_id=made.account_id, code="2991", name=name)])
    assert app.call("update_account", made.account_id, change).accounts[0].code == "2991"
    banks = app.call("get_accounts", where='Type=="BANK"', order="Code DESC").accounts
    assert [bank.code for bank in banks] == ["091", "090"]


def test_tax_rates(app: App) -> None:
    part = models.TaxComponent(name="Levy", rate=Decimal("2.5"), is_compound=False, is_non_recoverable=False)
    wanted = models.TaxRate(name=unique("Levy"), tax_components=[part], report_tax_type="OUTPUT")
    (made,) = app.call("create_tax_rates", models.TaxRates(tax_rates=[wanted])).tax_rates
    assert made.effective_rate == Decimal("2.5")
    found = app.call("get_tax_rates", where='TaxType=="OUTPUT"').tax_rates
    assert [rate.effective_rate for rate in found] == [Decimal(10)]


def test_tracking_categories_and_options(app: App) -> None:
    category = app.call("create_tracking_category", models.TrackingCategory(name=unique("Region")))
    (category,) = category.tracking_categories
    options = app.call("create_tracking_options", category.tracking_category_id, models.TrackingOption(name="North"))
    assert [option.name for option in options.options] == ["North"]
    found = app.call("get_tracking_categories").tracking_categories
    assert category.name in {row.name for row in found}


def test_currencies(app: App) -> None:
    app.call("create_currency", models.Currency(code=models.CurrencyCode("USD")))
    assert {row.code.value for row in app.call("get_currencies").currencies} >= {"AUD", "USD"}


def test_branding_themes_and_users(app: App) -> None:
    assert app.call("get_branding_themes").branding_themes
    assert {user.organisation_role for user in app.call("get_users").users} >= {"STANDARD", "FINANCIALADVISER"}


def test_posting_a_known_name_updates_that_contact(app: App) -> None:
    first = app.contact()
    same = models.Contacts(contacts=[models.Contact(name=first.name, email_address="ap@example.com")])
    (merged,) = app.call("update_or_create_contacts", same).contacts
    assert (merged.contact_id, merged.email_address) == (first.contact_id, "ap@example.com")


def test_putting_a_known_name_is_refused(app: App) -> None:
    first = app.contact()
    with pytest.raises(exceptions.AccountingBadRequestException, match="must be unique"):
        app.call("create_contacts", models.Contacts(contacts=[models.Contact(name=first.name)]))


def test_contacts_are_listed_by_page_and_always_carry_their_collections(app: App) -> None:
    prefix = unique("Paged")
    wanted = [models.Contact(name=f"{prefix}-{number}") for number in range(5)]
    made = app.call("create_contacts", models.Contacts(contacts=wanted), summarize_errors=False).contacts
    listed = [
        contact
        for page in (1, 2, 3)
        for contact in app.call(
            "get_contacts", where=f'Name.StartsWith("{prefix}-")', order="Name", page=page, page_size=2
        ).contacts
    ]
    assert [row.contact_id for row in listed] == [row.contact_id for row in made]
    assert all(row.contact_groups == [] and row.contact_persons == [] for row in listed)


def test_an_archived_contact_is_listed_only_when_asked_for(app: App) -> None:
    made = app.contact()
    archive = models.Contacts(contacts=[models.Contact(contact_id=made.contact_id, contact_status="ARCHIVED")])
    assert app.call("update_contact", made.contact_id, archive).contacts[0].contact_status == "ARCHIVED"
    for asked, count in ((False, 0), (True, 1)):
        found = app.call("get_contacts", i_ds=[made.contact_id], include_archived=asked, page=1)
        assert len(found.contacts) == count


def test_items_are_created_changed_and_deleted(app: App) -> None:
    price = models.Purchase(unit_price=Decimal("1.2345"), account_code="200", tax_type="OUTPUT")
    wanted = models.Items(items=[models.Item(code="SDK-1", name="One", sales_details=price)])
    (made,) = app.call("create_items", wanted, unitdp=4).items
    assert made.sales_details.unit_price == Decimal("1.2345")
    renamed = models.Items(items=[models.Item(code="SDK-1", name="Two")])
    assert app.call("update_item", made.item_id, renamed).items[0].name == "Two"
    app.call("delete_item", made.item_id)
    assert app.call("get_items", where='Code=="SDK-1"').items == []


def test_a_batch_with_summarized_errors_saves_nothing(app: App) -> None:
    contact, number = app.contact(), unique("SUM")
    batch = [draft(contact, invoice_number=number), draft(contact, line_items=[], status="AUTHORISED")]
    with pytest.raises(exceptions.AccountingBadRequestException) as caught:
        app.call("create_invoices", models.Invoices(invoices=batch), summarize_errors=True)
    assert caught.value.error_data["ErrorNumber"] == 10
    assert "line item" in caught.value.reason
    assert app.call("get_invoices", invoice_numbers=[number], page=1).invoices == []


def test_a_batch_without_summarized_errors_answers_element_by_element(app: App) -> None:
    contact = app.contact()
    batch = models.Invoices(
        invoices=[draft(contact, "0.10"), draft(contact, line_items=[], status="AUTHORISED"), draft(contact)]
    )
    answered = app.call("create_invoices", batch, summarize_errors=False).invoices
    assert [row.status_attribute_string for row in answered] == ["OK", "ERROR", "OK"]
    assert answered[1].has_errors
    assert answered[1].invoice_id == ZERO_ID
    assert answered[1].validation_errors[0].message
    assert [row.total for row in (answered[0], answered[2])] == [Decimal("0.11"), Decimal("110.00")]


def test_an_invoice_is_found_by_number_changed_and_voided(app: App) -> None:
    made = app.invoice(app.contact(), reference="before")
    found = app.call("get_invoice", made.invoice_number).invoices[0]
    assert (found.invoice_id, found.date, found.amount_due) == (made.invoice_id, DAY, Decimal("110.00"))
    for change, expected in (
        ({"reference": "after"}, ("AUTHORISED", "after")),
        ({"status": "VOIDED"}, ("VOIDED", "after")),
    ):
        sent = models.Invoices(invoices=[models.Invoice(invoice_id=made.invoice_id, **change)])
        (changed,) = app.call("update_invoice", made.invoice_id, sent).invoices
        assert (changed.status, changed.reference) == expected


def test_invoices_filtered_by_where_statuses_and_ids(app: App) -> None:
    contact = app.contact()
    approved, drafted = (
        app.invoice(contact),
        app.call("create_invoices", models.Invoices(invoices=[draft(contact)])).invoices[0],
    )
    mine = f'Contact.ContactID==Guid("{contact.contact_id}")'
    later = f"{mine} AND Date>DateTime(2026, 11, 20)"
    for asked, expected in (
        ({"where": mine}, [approved, drafted]),
        ({"where": f'{mine} AND Status=="DRAFT"'}, [drafted]),
        ({"where": later}, []),
        ({"contact_i_ds": [contact.contact_id], "statuses": ["AUTHORISED"]}, [approved]),
        ({"i_ds": [approved.invoice_id, drafted.invoice_id], "order": "Status DESC"}, [drafted, approved]),
    ):
        found = app.call("get_invoices", page=1, **asked).invoices
        ordered = "order" in asked
        got, wanted = ([row.invoice_id for row in rows] for rows in (found, expected))
        assert (got if ordered else set(got)) == (wanted if ordered else set(wanted)), asked


def test_a_summary_leaves_the_lines_out(app: App) -> None:
    contact = app.contact()
    made = app.invoice(contact, reference=unique("Ref"))
    for summary, lines in ((False, 1), (True, 0)):
        (row,) = app.call(
            "get_invoices", search_term=made.invoice_number, created_by_my_app=True, summary_only=summary, page=1
        ).invoices
        assert (row.invoice_id, len(row.line_items or [])) == (made.invoice_id, lines)


def test_a_where_that_names_no_field_is_a_query_parse_exception(app: App) -> None:
    with pytest.raises(exceptions.AccountingBadRequestException) as caught:
        app.call("get_invoices", where='Colour=="red"', page=1)
    assert caught.value.error_data["ErrorNumber"] == 16


def test_only_what_changed_since_an_instant_is_listed(app: App) -> None:
    contact = app.contact()
    app.invoice(contact)
    now = datetime.now(UTC)
    for since, count in ((now - timedelta(minutes=5), 1), (now + timedelta(minutes=5), 0)):
        found = app.call("get_invoices", if_modified_since=since, contact_i_ds=[contact.contact_id], page=1)
        assert len(found.invoices) == count


def test_payments_settle_an_invoice_and_their_deletion_reopens_it(app: App) -> None:
    made = app.invoice(app.contact())
    (part,) = app.call("create_payments", models.Payments(payments=[payment(made, "10.01")])).payments
    assert part.payment_type == "ACCRECPAYMENT"
    (rest,) = app.call("create_payment", payment(made, "99.99")).payments
    assert app.call("get_invoice", made.invoice_id).invoices[0].status == "PAID"
    gone = app.call("delete_payment", rest.payment_id, models.PaymentDelete(status="DELETED")).payments[0]
    assert gone.status == "DELETED"
    reopened = app.call("get_invoice", made.invoice_id).invoices[0]
    assert (reopened.status, reopened.amount_due) == ("AUTHORISED", Decimal("99.99"))
    listed = app.call("get_payments", where=f'Invoice.InvoiceID==Guid("{made.invoice_id}")', page=1).payments
    assert {row.status for row in listed} == {"AUTHORISED", "DELETED"}


def test_a_payment_of_more_than_is_due_is_refused(app: App) -> None:
    made = app.invoice(app.contact())
    with pytest.raises(exceptions.AccountingBadRequestException, match="exceeds the amount outstanding"):
        app.call("create_payment", payment(made, "110.01"))


def test_an_idempotency_key_replays_its_answer_and_refuses_another_body(app: App) -> None:
    contact, key = app.contact(), unique("key")
    batch = models.Invoices(invoices=[draft(contact)])
    first, second = (app.call("create_invoices", batch, idempotency_key=key).invoices[0] for _ in range(2))
    assert first.invoice_id == second.invoice_id
    with pytest.raises(exceptions.AccountingBadRequestException) as caught:
        app.call("create_invoices", models.Invoices(invoices=[draft(contact, "1.00")]), idempotency_key=key)
    assert b"is used with a different request" in caught.value.body


def test_what_is_not_there_is_not_found(app: App) -> None:
    with pytest.raises(exceptions.NotFoundException):
        app.call("get_invoice", "11111111-1111-4111-8111-111111111111")


def test_a_full_minute_is_a_rate_limit_exception(tmp_path: Path) -> None:
    """By POST: for GET and PUT the SDK's urllib3 waits out a Retry-After by itself, and nobody hears of it."""

    def post_three_times(app: App) -> None:
        for _ in range(3):  # one minute may end between two of them
            app.call("update_or_create_contacts", models.Contacts(contacts=[models.Contact(name="Acme")]))

    with served(tmp_path, minute_limit=1) as host, pytest.raises(exceptions.RateLimitException) as caught:
        post_three_times(App(host))
    assert caught.value.rate_limit == "minute"
    assert 0 < int(caught.value.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(("key", "booked"), [(None, 2), ("lost answer", 1)], ids=["without a key", "with a key"])
def test_the_sdk_repeats_a_put_by_itself_when_the_answer_is_lost(app: App, key: str | None, booked: int) -> None:
    """A danger that the emulator must show as Xero does: without a key the invoice is booked twice."""
    contact = app.contact()
    lose_next_answer(app.url, "PUT", "/Invoices")
    app.call("create_invoices", models.Invoices(invoices=[draft(contact)]), **({"idempotency_key": key} if key else {}))
    assert len(app.call("get_invoices", contact_i_ds=[contact.contact_id], page=1).invoices) == booked


def lose_next_answer(url: str, method: str, path: str) -> None:
    fault = {"match": {"method": method, "path_contains": path}, "kind": "lost_response"}
    request = urllib.request.Request(f"{url}/control/fault", json.dumps(fault).encode())  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the emulator's own address
        assert answer.status == 200
