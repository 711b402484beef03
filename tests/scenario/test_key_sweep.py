"""The key sweep finds what the sweeps missed, and names what is gone."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, update

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.reading.key_sweep import sweep_is_due, sweep_keys
from crossfoot.engine.reading.ledger import INVOICE, ITEM, load_ledger
from crossfoot.store.schema import version
from crossfoot.store.versions import load_versions, next_seq, save_versions

from .business import URLS, Business

GONE = "006000000000001AAA"


def test_a_missed_deal_is_read_and_a_purged_one_is_named(synced: Business) -> None:
    session = synced.session()
    with session.database.writing() as connection:
        missed, other, *_ = load_versions(connection, session.org_id, "Opportunity")
        connection.execute(delete(version).where(version.c.record_id == missed.ref.id))
        gone = replace(other, ref=RecordRef(Side.SALESFORCE, "Opportunity", GONE))
        save_versions(connection, next_seq(connection), [gone])
    [swept] = [each for each in sweep_keys(session) if each.object == "Opportunity"]
    assert (swept.missed, swept.gone, swept.theirs) == ((missed.ref.id,), (GONE,), swept.ours)
    with session.database.reading() as connection:
        (read,) = load_versions(connection, session.org_id, "Opportunity", ids=[missed.ref.id])
    assert read.body == missed.body
    assert not [each for each in sweep_keys(session) if each.missed]


def test_a_missed_invoice_and_a_missed_change_are_read_and_a_vanished_one_is_named(synced: Business) -> None:
    session = synced.session()
    with session.database.writing() as connection:
        missed, changed, other, *_ = load_versions(connection, session.organisation_id, INVOICE)
        connection.execute(delete(version).where(version.c.record_id == missed.ref.id))
        before = {"hash": "as it was before", "stamp": "2026-01-01T00:00:00+00:00"}
        connection.execute(update(version).where(version.c.record_id == changed.ref.id).values(**before))
        save_versions(connection, next_seq(connection), [replace(other, ref=RecordRef(Side.XERO, INVOICE, "gone"))])
    [swept] = [each for each in sweep_keys(session) if each.object == INVOICE]
    assert (sorted(swept.missed), swept.gone) == (sorted([missed.ref.id, changed.ref.id]), ("gone",))
    assert swept.words == "Xero Invoice: 2 read late, 1 gone without a trace (gone)"
    [again] = [each for each in sweep_keys(session) if each.object == INVOICE]
    assert (again.missed, again.theirs) == ((), swept.theirs)


def test_a_customers_other_name_within_invoices_is_taken_over_without_alarm(synced: Business) -> None:
    """Xero gives an invoice no new stamp for it, so that no reading could have told of it. Here a name is read with the
    invoices, and then turned back to Salesforce's."""
    invoice = synced.invoices()[0]
    synced.in_xero("Contacts", ContactID=invoice["Contact"]["ContactID"], Name="Quite another name")
    synced.later()
    synced.sync()
    session = synced.session()

    assert [each.words for each in sweep_keys(session) if each.object == INVOICE] == [""]

    with session.database.reading() as connection:
        stored = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=[invoice["InvoiceID"]])
    assert stored[invoice["InvoiceID"]].contact_name == invoice["Contact"]["Name"]


def test_an_item_that_was_deleted_in_xero_is_made_anew_for_the_deal_that_needs_it(shared: Business) -> None:
    code, deal = "TEC-SUPPORT", "After the deletion"
    old = shared.see("Items", code)["ItemID"]
    shared.office.ask(URLS["xero"], "DELETE", f"/Items/{old}")
    shared.win(deal, "Evergreen Cinemas", [{"code": code, "Quantity": 1, "UnitPrice": 77}])
    shared.sync()
    entry = shared.waiting(deal)["refused_by_xero"]
    assert "Item code" in entry.cause

    [swept] = [each for each in sweep_keys(shared.session()) if each.object == ITEM]
    assert swept.gone == (old,)
    shared.desk.retry(entry.id)
    shared.later()
    shared.sync()

    assert [line["ItemCode"] for line in shared.invoice_of(deal)["LineItems"]] == [code]
    [product] = shared.soql(f"SELECT Id FROM Product2 WHERE ProductCode = '{code}'")
    shared.edit("Product2", product["Id"], Name="Support, by seat")
    for _ in range(2):
        shared.later()
        shared.sync()
    assert shared.see("Items", code)["Name"] == "Support, by seat"
    assert [each.gone for each in sweep_keys(shared.session()) if each.object == ITEM] == [()]


def test_an_item_that_xero_has_not_shown_yet_is_not_taken_for_deleted(shared: Business) -> None:
    """Its list lags behind the answer: ended, it would be made once more, which Xero refuses for ever."""
    product = shared.office.salesforce("POST", "/sobjects/Product2", {"Name": "Brand new", "ProductCode": "NEW-1"})
    [book] = shared.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    entry = {"Pricebook2Id": book["Id"], "Product2Id": product["id"], "UnitPrice": 50, "CurrencyIsoCode": "AUD"}
    shared.office.salesforce("POST", "/sobjects/PricebookEntry", {**entry, "IsActive": True})
    sold = [{"code": "NEW-1", "Quantity": 1, "UnitPrice": 50}]
    shared.win("First", "Evergreen Cinemas", sold)
    fault = {"kind": "read_lag", "seconds": 3600, "match": {"method": "PUT", "path_contains": "/Items"}}
    shared.post(f"{URLS['xero']}/control/fault", fault)
    assert shared.sync().applied.items == 1
    shared.later()

    [swept] = [each for each in sweep_keys(shared.session()) if each.object == ITEM]

    assert swept.gone == ()
    shared.win("Second", "Evergreen Cinemas", sold)
    shared.sync()
    assert [line["ItemCode"] for line in shared.invoice_of("Second")["LineItems"]] == ["NEW-1"]


def test_a_sweep_is_due_a_week_after_the_last(synced: Business) -> None:
    session = synced.session()
    assert sweep_is_due(session)
    sweep_keys(session)
    assert not sweep_is_due(session)
    synced.later(days=8)
    assert sweep_is_due(synced.session())
