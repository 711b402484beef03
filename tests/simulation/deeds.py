"""What people do, by name, and how often: with deals, drafts and invoices, shared records, and money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

from crossfoot.emulators.people import Visit

from .merging import merge_accounts, merge_contacts
from .people import Deed, People, Record, Vanished, deal_of
from .persons import EDIT, HIRE, PART, edit, hire, part_with
from .shared import CUSTOMER, PRODUCT, SALESFORCE, SIDES, XERO, Edit, Kind, Part
from .world import HOME, NEVER_INVOICED, OPEN_STAGE, Ways

_CENT = Decimal("0.01")
_ENDED = {"VOIDED", "DELETED", "PAID"}
CLEARED_MIN = 6
OTHER_CURRENCY_SHARE = 0.4  # of the payments of a foreign invoice are recorded in the currency of the books
GIVEN_SHARE = 0.7  # of the deals that are given away are sold after all, while there are any
OTHER_SIDE_SHARE = 0.8  # of the edits of one side lead to one of the other, as often as not while a run is under way


def _linked(people: People, kind: Kind) -> list[tuple[Record, Record]]:
    """Records that both sides have, with their counterparts: customers as Salesforce shows them, items by code."""
    by_key = {record[kind.key]: record for record in people.desks.books.all(kind.xero)}
    if kind is CUSTOMER:
        pairs = [(row, by_key.get(row.get("Xero_Contact_Id__c"))) for row in people.desks.org_rows(kind.object)]
    else:
        by_code = {record["Code"]: record for record in by_key.values()}
        pairs = [(row, by_code.get(row.get("ProductCode"))) for row in people.desks.org_rows(kind.object)]
    return [(row, record) for row, record in pairs if record and record.get("ContactStatus", "ACTIVE") == "ACTIVE"]


def edit_shared(people: People) -> str:
    """Somebody on either side edits a customer or a product; often somebody on the other side does as well."""
    kind = people.chance.choice((CUSTOMER, CUSTOMER, PRODUCT))
    pairs = _linked(people, kind)
    if people.chance.random() < 0.5:  # what was edited is looked at again
        pairs = [pair for pair in pairs if people.shared.made[pair[0]["Id"]]] or pairs
    pair = people.one(pairs)
    if pair is None:
        return ""
    part = people.chance.choice((kind.parts[0], *kind.parts))
    sides = people.chance.choice(((SALESFORCE,), (XERO,), (SALESFORCE, XERO)))
    for side in sides:
        _edit(people, kind, part, side, pair)
    if len(sides) == 1 and people.aside.random() < OTHER_SIDE_SHARE:
        (other,) = SIDES - set(sides)
        people.hear(f"{other} hears of an edit", lambda: _edit(people, kind, part, other, pair))
    return f"{part.name} of {pair[0]['Name']} in {' and '.join(sides)}"


def edit_alone(people: People, side: str) -> str:
    """Somebody changes a customer's phone: of those that only this side ever changed, the one edited most."""
    part, merged = CUSTOMER.parts[0], {each for pair in people.ledger.merged for each in pair}
    pairs = [
        pair
        for pair in _linked(people, CUSTOMER)
        if people.shared.edited[pair[0]["Id"], part.name] <= {side}
        and not merged & {pair[0]["Id"], pair[1]["ContactID"]}
    ]
    if not pairs:
        return "nobody edits once more"
    pair = max(pairs, key=lambda pair: (people.shared.made[pair[0]["Id"]], pair[0]["Id"]))
    people.desks.behind_s = 0.0
    _edit(people, CUSTOMER, part, side, pair)
    return f"a person alone edits: {part.name} of {pair[0]['Name']} in {side}"


def _edit(people: People, kind: Kind, part: Part, side: str, pair: tuple[Record, Record]) -> None:
    row, record = pair
    xero_id = str(record[kind.key])
    shared = people.shared
    was = shared.value(kind, part, side, row["Id"], xero_id)
    blank = part.may_be_blank and people.chance.random() < 0.1
    text = "" if blank else part.words(people.chance.randrange(1, 10_000))
    if side == SALESFORCE:
        people.desks.salesforce("PATCH", f"/sobjects/{kind.object}/{row['Id']}", {part.field: text or None})
    else:
        people.desks.xero("POST", kind.xero, [{kind.key: xero_id, **_needed(kind, record), **part.to_xero(text)}])
    people.ledger.touched[xero_id] = people.now
    shared.add(Edit(kind, part, row["Id"], xero_id, side, people.now, part.fold(text), was))


def _needed(kind: Kind, record: Record) -> Mapping[str, Any]:
    """What Xero's own form always sends."""
    return {"Code": record["Code"]} if kind is PRODUCT else {}


def reword_line(people: People) -> str:
    """Sales describe a line of a deal otherwise: no amount changes, and the deal's own stamp does not move (SF 2.6)."""
    drafts = {deal_of(each) for each in people.desks.ledger_invoices() if each["Status"] == "DRAFT"}
    lines = people.desks.org_rows("OpportunityLineItem")
    line = people.one([line for line in lines if line["OpportunityId"] in drafts] or lines)
    if line is None:
        return ""
    words = f"As agreed in letter {people.chance.randrange(1, 10_000)}"
    people.desks.salesforce("PATCH", f"/sobjects/OpportunityLineItem/{line['Id']}", {"Description": words})
    return f"{words} on {people.desks.org_row('Opportunity', line['OpportunityId'])['Name']}"


def record_payment(people: People) -> str:
    """Sales take a cheque and record it on the invoice that Salesforce shows."""
    standing = {each["InvoiceID"]: each for each in people.desks.ledger_invoices() if each["Status"] == "AUTHORISED"}
    shown = [row for row in people.desks.org_rows("Xero_Invoice__c") if row["Invoice_Id__c"] in standing]
    row = people.one(shown)
    if row is None:
        return ""
    invoice = standing[row["Invoice_Id__c"]]
    number = len(people.ledger.recorded) + 1
    # No two of an amount: one that looks like another waits for a person, which is another story.
    amount = (invoice["AmountDue"] / 5).quantize(_CENT) + _CENT * number
    currency = invoice["CurrencyCode"]
    if currency != HOME and people.selling.random() < OTHER_CURRENCY_SHARE:
        currency = HOME  # it waits for somebody who knows what the bank got
    wish = {
        "Name": f"Cheque {number}",
        "Xero_Invoice__c": row["Id"],
        "Amount__c": amount,
        "Date__c": people.desks.today(),
        "CurrencyIsoCode": currency,
        "Reference__c": f"cheque {number}",
    }
    made = people.desks.salesforce("POST", "/sobjects/Xero_Payment__c", wish)
    people.ledger.recorded[made["id"]] = wish["Reference__c"]
    people.ledger.recorded_in[made["id"]] = currency
    return f"{amount} on {invoice['InvoiceNumber']}"


def remove_payment(people: People) -> str:
    """Finance take a payment away: the cheque bounced."""
    payment = people.one([each for each in people.desks.books.all("Payments") if each["Status"] == "AUTHORISED"])
    if payment is None:
        return ""
    people.desks.ask("xero", "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    people.ledger.touched[payment["Invoice"]["InvoiceID"]] = people.now
    people.ledger.removed.add(payment["PaymentID"])
    return str(payment["Amount"])


def credit(people: People) -> str:
    """Finance credit a tenth of an approved invoice."""
    return people.on_invoice({"AUTHORISED"}, lambda visit: _credit(people, visit))


def _credit(people: People, visit: Visit) -> None:
    document = visit.document
    amount = (Decimal(document["AmountDue"]) / 10).quantize(_CENT)
    note: Record = {
        "Type": "ACCRECCREDIT",
        "Contact": {"ContactID": document["Contact"]["ContactID"]},
        "Date": people.desks.today(),
        "CurrencyCode": document["CurrencyCode"],
        "Status": "AUTHORISED",
        "LineAmountTypes": "NoTax",
        "LineItems": [{"Description": "Goodwill", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200"}],
    }
    [made] = people.desks.xero("PUT", "CreditNotes", [note])
    wish = {"Allocations": [{"Invoice": {"InvoiceID": document["InvoiceID"]}, "Amount": amount, "Date": note["Date"]}]}
    people.desks.ask("xero", "PUT", f"/CreditNotes/{made['CreditNoteID']}/Allocations", wish)


def lose(people: People) -> str:
    """Sales lose a deal that was won, or win one that was lost."""
    deals = [deal for deal in people.desks.deals() if deal["Name"] not in NEVER_INVOICED]
    deal = people.one([deal for deal in deals if deal["StageName"] != OPEN_STAGE])
    if deal is None:
        return ""
    stage = "Closed Lost" if deal["StageName"] == "Closed Won" else "Closed Won"
    people.desks.salesforce("PATCH", f"/sobjects/Opportunity/{deal['Id']}", {"StageName": stage})
    return f"{deal['Name']} is {stage}"


def give(people: People) -> str:
    """Sales give away all that a won deal sold, or no longer do."""
    lines: dict[str, list[Record]] = defaultdict(list)
    for line in people.desks.org_rows("OpportunityLineItem"):
        lines[line["OpportunityId"]].append(line)
    won = [deal for deal in people.desks.deals() if deal["StageName"] == "Closed Won" and deal["Id"] in lines]
    deals = [deal for deal in won if deal["Name"] not in NEVER_INVOICED]
    if not deals:
        return ""
    given = [deal for deal in deals if not deal["Amount"]]
    deal = people.selling.choice(given if given and people.selling.random() < GIVEN_SHARE else deals)
    discount = None if deal in given else 100
    for line in lines[deal["Id"]]:
        people.desks.salesforce("PATCH", f"/sobjects/OpportunityLineItem/{line['Id']}", {"Discount": discount})
    return f"{deal['Name']} for {'nothing' if discount else 'money'}"


def delete_deal(people: People) -> str:
    """Somebody deletes a deal, and may take it out of the bin some minutes later."""
    deal = people.one([deal for deal in people.desks.deals() if deal["Name"] not in NEVER_INVOICED])
    if deal is None:
        return ""
    people.desks.ask("salesforce", "DELETE", f"/services/data/v66.0/sobjects/Opportunity/{deal['Id']}")
    record = {"object": "Opportunity", "id": deal["Id"]}

    def take_out() -> None:
        people.desks.screen("salesforce", "undelete", record)

    if people.chance.random() < 0.6:
        people.later(60, 1200, "somebody takes a deal out of the bin", take_out)
    return str(deal["Name"])


def clear_out(people: People) -> str:
    """Somebody deletes most deals that have an invoice, or most of their invoices, in one go: a mistake, as a rule."""
    standing = {deal_of(each): each for each in people.desks.ledger_invoices() if each["Status"] not in _ENDED}
    deals = {deal["Id"] for deal in people.desks.deals()} & standing.keys()
    bare = {each for each in deals if not (standing[each]["AmountPaid"] or standing[each]["AmountCredited"])}
    side = people.aside.choice((SALESFORCE, XERO))
    chosen = sorted(deals if side == SALESFORCE else bare)
    if len(chosen) < CLEARED_MIN or 2 * len(chosen) < len(people.desks.ledger_invoices()):
        return " and ".join(filter(None, (people.win() for _ in range(CLEARED_MIN))))  # too little to clear out yet
    people.desks.behind_s = 0.0
    for deal_id in chosen:
        if side == SALESFORCE:
            people.desks.ask("salesforce", "DELETE", f"/services/data/v66.0/sobjects/Opportunity/{deal_id}")
            continue
        invoice = standing[deal_id]
        gone = {"InvoiceID": invoice["InvoiceID"], "Status": "DELETED" if invoice["Status"] == "DRAFT" else "VOIDED"}
        people.desks.xero("POST", "Invoices", [gone])
        people.ledger.touched[invoice["InvoiceID"]] = people.ledger.ended[deal_id] = people.now
    people.ledger.vanished.append(Vanished(people.now, side, frozenset(chosen)))
    return f"{len(chosen)} deals in {side}"


VANISH = "clear out"  # done between runs only
MERGES = ("merge accounts", "merge contacts")  # drawn aside, so that the seeds of before keep their story
GIVE = "give a deal away"  # drawn from a stream of its own, as merges are
CHANGE_DRAFTED = "change a deal with a draft"  # done between runs
EDIT_NEW = "edit a new draft"  # done as it is made
DEEDS: Mapping[str, Deed] = {
    "win a deal": (6, People.win),
    "change a deal": (4, People.change_deal),
    "reword a line": (6, reword_line),
    "approve a draft": (5, People.approve),
    "pay an invoice": (3, People.pay),
    "void an invoice": (1, People.void),
    "delete a draft": (1, People.delete),
    "edit a draft": (2, People.edit),
    "archive a customer": (1, People.archive),
    "lock a period": (2, People.lock_period),
    "hide a deal": (1, People.hide),
    "credit an invoice": (1, credit),
    "take a payment away": (2, remove_payment),
    "lose a deal": (1, lose),
    "delete a deal": (1, delete_deal),
    "edit a shared record": (8, edit_shared),
    "record a payment": (5, record_payment),
    "merge accounts": (0, merge_accounts),
    "merge contacts": (0, merge_contacts),
    VANISH: (0, clear_out),
    HIRE: (6, hire),
    EDIT: (8, edit),
    PART: (1, part_with),
    GIVE: (0, give),
    CHANGE_DRAFTED: (0, People.change_drafted),
    EDIT_NEW: (0, People.edit_new),
}
_NEED: Mapping[str, str] = {
    "edit a shared record": "two_way",
    "record a payment": "payments",
    **dict.fromkeys(MERGES, "merges"),
    VANISH: "brake",
    GIVE: "gives",
    **dict.fromkeys((HIRE, EDIT, PART), "people"),
}


def deeds_of(ways: Ways) -> dict[str, Deed]:
    """Those that make sense in a workspace that is set up so."""
    return {name: deed for name, deed in DEEDS.items() if name not in _NEED or getattr(ways, _NEED[name])}


def leaning(deeds: Mapping[str, Deed], chance: Random) -> dict[str, Deed]:
    """The same, some of them seldom and some very often: what takes many of one deed does not come about otherwise."""
    return {name: (often * chance.choice((1, 3, 20)), deed) for name, (often, deed) in deeds.items()}
