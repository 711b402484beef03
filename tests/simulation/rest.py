"""What must hold at rest: what counts is there, once, right, linked, told to Salesforce, and accounted for."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from crossfoot.core.findings import REASONS
from crossfoot.core.links import Kind
from crossfoot.store.audit import broken_audit_entry, read_audit
from crossfoot.store.links import find_link, load_links
from crossfoot.store.queue import QueueEntry, open_entries
from crossfoot.store.schema import disposition, version, watermark

from .deeds import GIVE
from .machine import Violation
from .merging import family
from .oracles import DEAD, Oracles
from .people import Desks, Ledger, deal_of, is_followed
from .persons import doubled, untold
from .shared import CUSTOMER, EITHER, PRODUCT, SALESFORCE, SIDES, XERO, Shared
from .shared import Kind as SharedKind
from .world import FOREIGN, LOCKED_DEAL, NEVER_INVOICED, UNNAMED, Pair

_NAMED = {"changed_after_approval", "rounding", "locked_period"}
_INCIDENTS = {"unlinked_marker", "duplicate_incident"}
_NAMED_IF_EDITED = {"draft_edited", "changed_and_draft_edited", "readback_differs"}
_TAKEN_BACK = {"no_longer_won", "source_deleted", "worth_nothing"}
# What could not be done that a person asked for -> the question that they answered, beside which it stands.
_NOT_DONE = {"cancel_not_possible": _TAKEN_BACK, "reissue_not_possible": {"changed_after_approval"}}
_MERGED = {"accounts_merged", "contacts_merged"}
_READ_IN_XERO = {"Contact": "ContactID", "Item": "ItemID", "Invoice": "InvoiceID", "CreditNote": "CreditNoteID"}
_UNSHARED = {"field_conflict", "blank_kept", "flapping"}
_UNPAID = {"payment_not_due", "payment_too_large", "payment_removed", "payment_no_invoice"}
_UNPAID |= {"payment_currency", "payment_account"}
# Reasons that a history of this business can give by itself; any other would be the engine's own doing.
_EXPECTED = (
    _NAMED
    | _INCIDENTS
    | _NAMED_IF_EDITED
    | {
        "invoice_voided", "write_back_refused", "no_products", "future_date", "no_account", "no_product_code",
        "contact_archived", "contact_similar", "contact_same_tax_number", *_TAKEN_BACK, *_UNSHARED, *_UNPAID,
        *_NOT_DONE, "credit_left", *_MERGED, "person_unknown", "person_gone", "person_no_room", "person_not_primary",
    }
)  # fmt: skip


class Rest:
    """The state at the end of a history."""

    def __init__(self, pair: Pair, desks: Desks, ledger: Ledger, shared: Shared, oracles: Oracles) -> None:
        self.documents = 0
        self._pair = pair
        self._salesforce: Any = pair.salesforce.world
        self._desks = desks
        self._ledger = ledger
        self._shared = shared
        self._oracles = oracles
        self._positions: dict[tuple[str, str], str] = {}
        self._restored = False
        self._pointed_at: set[str] = set()

    @property
    def _home(self) -> str:
        return str(self._oracles.books.tenant_id)

    @property
    def _deals(self) -> list[Mapping[str, Any]]:
        """Every deal, those in the bin too."""
        return list(self._salesforce.rows["Opportunity"].values())

    def queue(self) -> list[tuple[str, str, str]]:
        """The review queue: record, reason and cause of each open entry."""
        with self._pair.database.reading() as connection:
            return sorted((e.record.id, e.code, e.cause) for e in open_entries(connection, self._home))

    @property
    def told(self) -> Iterator[str]:
        """Rare paths that the end shows to have been taken."""
        if self._ledger.ended:
            yield "an invoice was voided and stayed so"
        if any(each["CurrencyCode"] == FOREIGN and each["AmountPaid"] for each in self._desks.ledger_invoices()):
            yield "an invoice in a foreign currency was paid"
        if self._ledger.edits:
            yield "finance's edit was kept"
        if self._shared.both:
            yield "both sides edited one field"
        if self._shared.overruled:
            yield "a rule overruled an edit"
        if any(self._oracles.is_credited(invoice) for invoice in self._desks.ledger_invoices()):
            yield "an invoice was credited and made anew"
        if any(deal["IsDeleted"] and deal.get("Xero_Invoice_Id__c") for deal in self._deals):
            yield "a deal was deleted with its invoice standing"
        made = payments_of(self._ledger.recorded, self._oracles.books.all("Payments"))
        if any(made.values()):
            yield "a payment was recorded in Salesforce"
        if any(each["PaymentID"] in self._ledger.removed for some in made.values() for each in some):
            yield "a recorded payment was taken away in Xero"
        for deed, path in _UNDONE.items():
            if self._ledger.counts.get(deed):
                yield path

    def check(self) -> None:
        """Judge everything."""
        self._oracles.check_edits(None)
        invoices = self._desks.ledger_invoices()
        self.documents = len(invoices)
        by_deal: dict[str, list[Mapping[str, Any]]] = {}
        for invoice in invoices:
            by_deal.setdefault(deal_of(invoice), []).append(invoice)
        with self._pair.database.reading() as connection:
            links = {stored.link.xero_id for stored in load_links(connection, self._home, Kind.INVOICE)}
            entries = list(open_entries(connection, self._home))
            self._check_audit(connection, invoices)
            self._check_versions(connection)
            self._check_buckets(connection)
        self._pointed_at = {ref.id for entry in entries for ref in entry.related}
        waiting = self._check_queue(entries)
        self._check_shared(waiting)
        if self._pair.mapping.people:
            self._check_persons(entries)
        self._check_conflicts(entries)
        self._check_payments(waiting)
        self._check_balances()
        self._check_rows(entries)
        for deal in self._deals:
            self._check_deal(deal, by_deal.get(deal["Id"], []), waiting.get(deal["Id"], set()), links)
        for some in by_deal.values():
            some.sort(key=lambda invoice: str(invoice["InvoiceNumber"]))  # edits change their order in the books
            for each in some:
                if deal_of(each) not in self._oracles.ghosts:
                    self._check_written_back(each, waiting.get(deal_of(each), set()), is_latest=each is some[-1])
        self._check_secrets()

    def forget(self) -> None:
        """An old copy was put back: what was read since is read again, and what was written since seems a person's."""
        self._positions.clear()
        self._restored = True

    def check_watermarks(self, *, in_order: bool) -> None:
        """I12: no watermark goes back; where stamps are in order, in Salesforce none passes a change not stored."""
        with self._pair.database.reading() as connection:
            rows = connection.execute(select(watermark.c.home, watermark.c.resource, watermark.c.position)).all()
            seen = _stored_stamps(connection)
        for home, resource, position in rows:
            if position < self._positions.get((home, resource), ""):
                raise Violation(f"I12: the watermark of {resource} went back to {position}")
            self._positions[home, resource] = position
            if in_order and home == self._salesforce.organization["Id"]:
                self._check_passed(resource, datetime.fromisoformat(position), seen)

    def _check_passed(self, kind: str, passed: datetime, seen: Mapping[tuple[str, str], datetime]) -> None:
        """Rows that cannot be seen now are left out; one that is hidden is saved when it is shown again."""
        for record_id, row in self._salesforce.rows.get(kind, {}).items():
            at = row["SystemModstamp"]
            if at < passed and seen.get((kind, record_id)) != at and record_id not in self._salesforce.unseen:
                raise Violation(f"I12: the watermark passed {kind} {record_id}, changed {at}, not read since")

    def _check_audit(self, connection: Connection, invoices: Sequence[Mapping[str, Any]]) -> None:
        """I21: the chain verifies, and every invoice has exactly one entry that says how it came about."""
        broken = broken_audit_entry(connection, self._home)
        if broken is not None:
            raise Violation(f"I21: the audit chain breaks at entry {broken}")
        born = Counter(
            entry.body.get("xero_id")
            for entry in read_audit(connection, self._home)
            if entry.action in {"create Invoice", "adopt Invoice"}
        )
        for invoice in invoices:
            if deal_of(invoice) not in self._oracles.ghosts and born[invoice["InvoiceID"]] != 1:
                number = invoice["InvoiceNumber"]
                raise Violation(f"I21: {number} has {born[invoice['InvoiceID']]} audit entries of its creation")

    def _check_versions(self, connection: Connection) -> None:
        """I12: no row that either side changed was missed."""
        seen = _stored_stamps(connection)
        changed = [("Opportunity", deal["Id"], deal["SystemModstamp"]) for deal in self._desks.deals()]
        for kind, key in _READ_IN_XERO.items():
            changed += [
                (kind, each[key], _to_ms(each["UpdatedDateUTC"])) for each in self._oracles.books.all(f"{kind}s")
            ]
        for kind, record_id, at in changed:
            if seen.get((kind, record_id)) != at:
                raise Violation(f"I12: {kind} {record_id} was read as of {seen.get((kind, record_id))}, changed {at}")

    def _check_buckets(self, connection: Connection) -> None:
        """I16: every won deal that was read is in a bucket."""
        query = select(disposition.c.record_id).where(disposition.c.organisation_id == self._home)
        placed = set(connection.execute(query).scalars())
        for deal in self._desks.deals():
            if deal["StageName"] == "Closed Won" and deal["Id"] not in placed:
                raise Violation(f"I16: {deal['Name']} is in no bucket")

    def _check_queue(self, entries: list[QueueEntry]) -> dict[str, set[str]]:
        """I17: each entry says what happened and what to do, and has a cause that the history knows."""
        waiting: dict[str, set[str]] = {}
        merged = {entry.record.id for entry in entries if entry.code == "accounts_merged"}
        stands = {entry.record.id for entry in entries if entry.code in _TAKEN_BACK}
        for entry in entries:
            if entry.code not in REASONS or not entry.cause.strip() or not entry.fix.strip() or not entry.record.id:
                raise Violation(f"I17: an entry of the queue does not say what to do: {entry}")
            waiting.setdefault(entry.record.id, set()).add(entry.code)
            if entry.code == "reissue_unfinished" and entry.record.id in self._ledger.ended:
                continue  # its invoice was voided while it was under way
            if entry.code == "link_archived" and self._is_merged_away(entry.record.id):
                continue
            if entry.code == "contact_ambiguous" and self._lost_its_contact(entry.record.id):
                continue
            if entry.code == "field_refused" and self._restored and entry.record.id in merged:
                continue  # of several contacts it follows another one since, while its number is still the first one's
            if entry.code == "readback_differs" and entry.record.id in stands:
                continue  # Xero dropped an update, and no other follows: the deal calls for no invoice any more
            if entry.code not in _EXPECTED or (
                entry.code in _NAMED_IF_EDITED and not self._was_edited(entry.record.id)
            ):
                raise Violation(f"I17: {entry.record_name} waits for {entry.code} at rest: {entry.cause[:120]}")
        for record_id, codes in waiting.items():
            for code in codes & _NOT_DONE.keys():
                if not codes & _NOT_DONE[code]:
                    raise Violation(f"I17: {record_id} waits for {code}, and nothing asks for it: {codes}")
        return waiting

    def _is_merged_away(self, account_id: str) -> bool:
        """Whether the contact of an account is archived because people merged it into another."""
        with self._pair.database.reading() as connection:
            stored = find_link(connection, self._home, Kind.CONTACT, account_id)
        return stored is not None and stored.link.xero_id in {loser for loser, _survivor in self._ledger.merged}

    def _lost_its_contact(self, record_id: str) -> bool:
        """Whether an old copy forgot the link of a customer whose contact people merged into another's; by it or a deal
        of its."""
        account_id = self._salesforce.rows["Opportunity"].get(record_id, {}).get("AccountId", record_id)
        merged = {loser for loser, _survivor in self._ledger.merged}
        marked = {c["ContactID"] for c in self._oracles.books.all("Contacts") if c.get("ContactNumber") == account_id}
        return self._restored and bool(marked & merged)

    def _was_edited(self, deal_id: str) -> bool:
        """Whether finance ever edited a draft of this deal, even if the edit is gone by now."""
        return self._restored or deal_id in self._ledger.edited_deals

    def _check_deal(
        self, deal: Mapping[str, Any], invoices: list[Mapping[str, Any]], named: set[str], links: set[str]
    ) -> None:
        live = self._oracles.standing(invoices)
        if deal["Id"] in self._oracles.ghosts:
            stray = {invoice["InvoiceID"] for invoice in live} - links - self._pointed_at
            if stray and not named & _INCIDENTS:
                raise Violation(f"I2: {deal['Name']} has a live invoice that is neither linked nor named: {named}")
            return
        won = deal["StageName"] == "Closed Won" and not deal["IsDeleted"] and bool(deal["Amount"])
        due = won and deal["Name"] not in NEVER_INVOICED
        if due and not invoices and self._salesforce.rows["Account"][deal["AccountId"]]["IsDeleted"]:
            if named != {"no_account"}:  # in the bin while its account was merged away, and taken out since
                raise Violation(f"I17: {deal['Name']} has lost its account, and waits for {named}")
            return
        if due and not invoices and "contact_ambiguous" in named and self._lost_its_contact(deal["Id"]):
            return
        wanted = 1 if due and deal["Id"] not in self._ledger.ended else 0
        taken_back = not won and len(live) == 1 and named & _TAKEN_BACK
        if len(live) != wanted and not taken_back:
            raise Violation(f"I1: {deal['Name']} has {len(live)} live invoices, expected {wanted}; queue: {named}")
        made = [each for each in invoices if not (self._oracles.is_credited(each) or self._is_past(each, invoices))]
        if due and len(made) != 1:
            raise Violation(f"I1: {deal['Name']} was invoiced {len(made)} times")
        if won and not wanted and not named and deal["Name"] not in UNNAMED:
            raise Violation(f"I17: {deal['Name']} has no invoice, and nothing says why")
        for invoice in live:
            if invoice["InvoiceID"] not in links:
                raise Violation(f"I2: {invoice['InvoiceNumber']} has no link")
            if not taken_back:
                self._check_amount(deal, invoice, named)
                self._check_lines(deal, invoice, named)
            self._check_customer(deal, invoice)

    def _is_past(self, invoice: Mapping[str, Any], invoices: Sequence[Mapping[str, Any]]) -> bool:
        """Whether people ended an invoice after the one that they had asked for in its place."""
        return invoice["Status"] in DEAD and is_followed(invoice, invoices, self._ledger)

    def _check_customer(self, deal: Mapping[str, Any], invoice: Mapping[str, Any]) -> None:
        """I8: the invoice is to the deal's own customer."""
        account = self._salesforce.rows["Account"][deal["AccountId"]]
        merged, rows, books = self._ledger.merged, self._salesforce.rows["Account"], self._oracles.books
        contact = books.get("Contacts", invoice["Contact"]["ContactID"])
        ours = [rows[each] for each in family(merged, account["Id"])]
        theirs = [books.get("Contacts", each) for each in family(merged, contact["ContactID"])]
        if not any(_same_customer(there, here) for there in theirs for here in ours):
            raise Violation(f"I8: {deal['Name']} of {account['Name']} is invoiced to {contact['Name']}")

    def _check_amount(self, deal: Mapping[str, Any], invoice: Mapping[str, Any], named: set[str]) -> None:
        if invoice["CurrencyCode"] != deal["CurrencyIsoCode"]:
            raise Violation(f"I8: {invoice['InvoiceNumber']} is in {invoice['CurrencyCode']}, {deal['Name']} is not")
        if Decimal(invoice["SubTotal"]) == Decimal(deal["Amount"]):
            return
        edited, draft = self._was_edited(deal["Id"]), invoice["Status"] == "DRAFT"
        is_another = any(deal["AccountId"] in pair for pair in self._ledger.merged)  # a draft keeps its customer
        known = {"rounding"} if draft and not is_another else _NAMED
        if not named & (known | _NAMED_IF_EDITED if edited else known):
            raise Violation(
                f"I8: {invoice['InvoiceNumber']} ({invoice['Status']}) is {invoice['SubTotal']}, the deal "
                f"{deal['Amount']}; queue: {sorted(named)}"
            )

    def _check_lines(self, deal: Mapping[str, Any], invoice: Mapping[str, Any], named: set[str]) -> None:
        """I5: a draft says of each line what the deal says, or the review queue names why not: an edit, if it was."""
        known = _NAMED | _NAMED_IF_EDITED if self._was_edited(deal["Id"]) else _NAMED
        if invoice["Status"] != "DRAFT" or named & known:
            return
        rows = [row for row in self._desks.org_rows("OpportunityLineItem") if row["OpportunityId"] == deal["Id"]]
        asked = Counter((row.get("Description"), row["Quantity"], row["UnitPrice"]) for row in rows)
        asked = Counter({line: count for line, count in asked.items() if line[0]})  # others carry their product's name
        said = Counter((line["Description"], line["Quantity"], line["UnitAmount"]) for line in invoice["LineItems"])
        if missing := asked - said:
            raise Violation(f"I5: draft {invoice['InvoiceNumber']} does not say {sorted(missing)} as its deal does")

    def _check_written_back(self, invoice: Mapping[str, Any], named: set[str], *, is_latest: bool) -> None:
        """I5: Salesforce shows number, status and balance as Xero has them; the deal those of its latest invoice."""
        deal = self._oracles.deal(deal_of(invoice))
        if deal["Name"] == LOCKED_DEAL:  # its validation rule refuses every write-back, and the queue must say so
            if not deal["IsDeleted"] and "write_back_refused" not in named:
                raise Violation(f"I17: {deal['Name']} refuses what it should show, and nothing says so")
            return
        wanted = (invoice["InvoiceID"], invoice["Status"].capitalize(), invoice["AmountDue"])
        shown = (deal.get("Xero_Invoice_Id__c"), deal.get("Xero_Status__c"), deal.get("Xero_Amount_Due__c"))
        if is_latest and shown != wanted and not deal["IsDeleted"]:
            raise Violation(f"I5: {deal['Name']} shows {shown}, Xero has {wanted}")
        rows = [
            row
            for row in self._salesforce.rows.get("Xero_Invoice__c", {}).values()
            if row.get("Invoice_Id__c") == invoice["InvoiceID"]
        ]
        told = [(row["Invoice_Id__c"], row["Status__c"], row["Amount_Due__c"]) for row in rows]
        if told != [wanted]:
            raise Violation(f"I5: invoice records of {deal['Name']} show {told}, Xero has {wanted}")

    def _check_shared(self, waiting: Mapping[str, set[str]]) -> None:
        """I5: linked customers and products say the same on both sides, or the review queue names why not."""
        if not self._shared.made:
            return
        for kind, record_id, xero_id in self._pairs():
            for part in kind.parts:
                ours, theirs = (self._shared.value(kind, part, s, record_id, xero_id) for s in (SALESFORCE, XERO))
                if ours != theirs and not waiting.get(record_id, set()) & (_UNSHARED | _MERGED):
                    raise Violation(f"I5: {kind.object} {record_id}: {part.name} is {ours!r} here, {theirs!r} in Xero")

    def _check_persons(self, entries: Sequence[QueueEntry]) -> None:
        """I1, I5: a person at a customer stands in Xero once and as in Salesforce, or the queue says why not."""
        for who in doubled(self._desks) if not self._restored else ():  # an old copy forgets who was agreed on
            raise Violation(f"I1: {who} stands in Xero twice")
        causes: dict[str, str] = defaultdict(str)
        for entry in entries:
            causes[entry.record.id] += f"{entry.cause} \n"
        for words in untold(self._desks, causes):
            raise Violation(f"I5: {words}")

    def _check_conflicts(self, entries: Sequence[QueueEntry]) -> None:
        """I17: people are asked about a part that either side may change only where both sides were changed."""
        if self._restored:
            return
        merged = {each for pair in self._ledger.merged for each in pair}
        for entry in entries:
            for part in CUSTOMER.parts if entry.code == "field_conflict" and entry.record.id not in merged else ():
                sides = self._shared.edited[entry.record.id, part.name]
                if part.owner == EITHER and f"{part.name}: Salesforce has" in entry.cause and len(sides) < len(SIDES):
                    raise Violation(f"I17: {entry.cause[:120]} is asked, only {sides} edited {entry.record_name}")

    def _pairs(self) -> list[tuple[SharedKind, str, str]]:
        """Customers and products that are linked, by the ids of both sides."""
        with self._pair.database.reading() as connection:
            return [
                (kind, stored.source_id, stored.link.xero_id)
                for kind, linked in ((CUSTOMER, Kind.CONTACT), (PRODUCT, Kind.ITEM))
                for stored in load_links(connection, self._home, linked)
            ]

    def check_echoes(self) -> None:
        """I7: an edit causes one write to the other side and at most one back; meeting first, one each way. What was
        merged meets another's history."""
        merged = {each for pair in self._ledger.merged for each in pair}
        for kind, record_id, xero_id in self._pairs():
            if merged & {record_id, xero_id}:
                continue
            told, made = self._shared.told[record_id] + self._shared.told[xero_id], self._shared.made[record_id]
            if told > 2 * made + 2:
                raise Violation(f"I7: {kind.object} {record_id} was written {told} times after {made} edits")

    def check_decisions(self, decided: Mapping[tuple[str, str], datetime]) -> None:
        """I26: what a person decided is not asked again, unless an edit came that nobody had seen by then."""
        with self._pair.database.reading() as connection:
            open_now = [e for e in open_entries(connection, self._home) if e.code == "field_conflict"]
        merged = {each for pair in self._ledger.merged for each in pair}  # a merge asks about every part anew
        for entry in open_now:
            for (record_id, name), seen_at in decided.items():
                disputed = record_id == entry.record.id and f"{name}: Salesforce has" in entry.cause
                if disputed and record_id not in merged and self._shared.latest[record_id, name] < seen_at:
                    raise Violation(f"I26: {name} of {entry.record_name} is asked again: {entry.cause[:160]}")

    def _check_balances(self) -> None:
        """I9: what a customer is shown to owe is what its open documents come to; nothing where that is in currencies
        that cannot be added."""
        owed: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        for invoice in self._oracles.books.all("Invoices"):
            if invoice["Type"] == "ACCREC" and invoice["Status"] in {"DRAFT", "SUBMITTED"}:
                owed[invoice["Contact"]["ContactID"]].append((invoice["CurrencyCode"], Decimal(0)))
            elif (invoice["Type"], invoice["Status"]) == ("ACCREC", "AUTHORISED") and invoice["AmountDue"]:
                owed[invoice["Contact"]["ContactID"]].append((invoice["CurrencyCode"], invoice["AmountDue"]))
        for note in self._oracles.books.all("CreditNotes"):
            if (note["Type"], note["Status"]) == ("ACCRECCREDIT", "AUTHORISED") and note["RemainingCredit"]:
                owed[note["Contact"]["ContactID"]].append((note["CurrencyCode"], -note["RemainingCredit"]))
        for account in self._desks.org_rows("Account"):
            if not (contact_id := account.get("Xero_Contact_Id__c")):
                continue
            currencies = {account["CurrencyIsoCode"], *(currency for currency, _ in owed[contact_id])}
            due = sum((amount for _, amount in owed[contact_id]), Decimal(0)) if len(currencies) == 1 else None
            shown = account.get("Xero_Balance__c")
            if shown != due and not (due == 0 and shown is None):
                raise Violation(f"I9: {account['Name']} is shown to owe {shown}, in Xero it is {due} of {currencies}")

    def _check_payments(self, waiting: Mapping[str, set[str]]) -> None:
        """I1, I5: what was recorded in Salesforce was paid once, and its row says so, or the queue says why not."""
        books = self._oracles.books
        made = payments_of(self._ledger.recorded, books.all("Payments"))
        for row_id, payments in made.items():
            row = self._desks.org_row("Xero_Payment__c", row_id)
            if len(payments) > 1:
                raise Violation(f"I1: {row['Name']} was paid {len(payments)} times")
            if not payments and not waiting.get(row_id, set()) & _UNPAID:
                raise Violation(f"I17: {row['Name']} was not paid, and nothing says why")
            paid = {books.get("Invoices", each["Invoice"]["InvoiceID"])["CurrencyCode"] for each in payments}
            if paid - {self._ledger.recorded_in[row_id]}:
                raise Violation(f"I8: {row['Name']} of {self._ledger.recorded_in[row_id]} was paid in {paid}")
            for payment in payments:
                late = payment["Status"] == "DELETED" and waiting.get(row_id, set()) & _UNPAID - {"payment_removed"}
                if late and not row.get("Payment_Id__c"):
                    continue  # it landed after it was given up, and was taken away unseen: what waits need not agree
                shown, wanted = row.get("Status__c"), payment["Status"].capitalize()
                if (row.get("Payment_Id__c"), shown) != (payment["PaymentID"], wanted):
                    raise Violation(f"I5: {row['Name']} shows {shown}, Xero has {wanted}")

    def _check_rows(self, entries: Sequence[QueueEntry]) -> None:
        """I5: the lines, payments and issues that Salesforce shows are there, or their rows say that they are not."""
        books = self._oracles.books
        standing = {
            "Xero_Invoice_Line__c": {
                line["LineItemID"] for each in books.all("Invoices") for line in each["LineItems"]
            },
            "Xero_Payment__c": {each["PaymentID"] for each in books.all("Payments") if each["Status"] == "AUTHORISED"},
            "Xero_Sync_Issue__c": {f"{each.record.id}:{each.code}" for each in entries},
        }
        for name, there in standing.items():
            for row in self._desks.org_rows(name):
                key = str(row.get("Xero_Key__c") or "").removeprefix(f"{self._home}:")
                says_gone = row.get("Removed__c") or row.get("Status__c") in {"Deleted", "Closed"}
                if key and bool(says_gone) == (key in there):
                    raise Violation(f"I5: {name} {key} is shown as {'gone' if says_gone else 'there'}, and is not")

    def _check_secrets(self) -> None:
        """I20: no token is at rest in clear."""
        raw = self._pair.database.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        kept = raw.serialize()
        if any(token.encode() in kept for token in self._oracles.tokens()):
            raise Violation("I20: the database holds a token in clear")


def _stored_stamps(connection: Connection) -> dict[tuple[str, str], datetime]:
    """As of when each record was read last, by kind and id."""
    query = select(version.c.kind, version.c.record_id, version.c.stamp)
    return {(kind, each): datetime.fromisoformat(stamp) for kind, each, stamp in connection.execute(query)}


def _to_ms(moment: datetime) -> datetime:
    """An instant as Xero tells it (XERO 3.2)."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _same_customer(contact: Mapping[str, Any], account: Mapping[str, Any]) -> bool:
    same = [(contact.get("ContactNumber"), account["Id"]), (contact["Name"], account["Name"])]
    same += [(contact.get("TaxNumber") or "", account.get("ABN__c"))]
    return any(there == here for there, here in same)


def payments_of(
    recorded: Mapping[str, str], payments: Iterable[Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    """The payments of each row that people recorded, by the reference that only this row has."""
    known = list(payments)
    return {
        row_id: [each for each in known if str(each.get("Reference") or "").startswith(f"{reference} ")]
        for row_id, reference in recorded.items()
    }


_UNDONE = {
    "merge accounts": "two accounts were merged",
    "merge contacts": "two contacts were merged",
    "lock a period": "a period was locked and opened",
    "hide a deal": "a deal was hidden and shown",
    "credit an invoice": "an invoice was credited",
    GIVE: "a deal was given away",
    "edit a person": "a person at a customer was edited",
}
