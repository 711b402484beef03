import { LightningElement, api, wire } from "lwc";
import { getRelatedListRecords } from "lightning/uiRelatedListApi";
import { getFieldValue } from "lightning/uiRecordApi";
import AMOUNT_DUE from "@salesforce/schema/Xero_Invoice__c.Amount_Due__c";
import CURRENCY from "@salesforce/schema/Xero_Invoice__c.Currency__c";
import DUE_DATE from "@salesforce/schema/Xero_Invoice__c.Due_Date__c";
import INVOICE_NUMBER from "@salesforce/schema/Xero_Invoice__c.Invoice_Number__c";
import PAYMENT_STATUS from "@salesforce/schema/Xero_Invoice__c.Payment_Status__c";
import TOTAL from "@salesforce/schema/Xero_Invoice__c.Total__c";
import URL from "@salesforce/schema/Xero_Invoice__c.Url__c";
import { problemIn } from "c/crossfootFields";

const ROWS_MAX = 10;
const FIELDS = [INVOICE_NUMBER, URL, PAYMENT_STATUS, DUE_DATE, TOTAL, AMOUNT_DUE, CURRENCY].map(
    (field) => `${field.objectApiName}.${field.fieldApiName}`
);

export default class CrossfootInvoices extends LightningElement {
    @api recordId;

    @wire(getRelatedListRecords, {
        parentRecordId: "$recordId",
        relatedListId: "Xero_Invoices__r",
        fields: ["Xero_Invoice__c.Id"],
        optionalFields: FIELDS,
        sortBy: ["-Xero_Invoice__c.Due_Date__c"],
        pageSize: ROWS_MAX
    })
    related;

    get problem() {
        return this.related?.error ? problemIn(this.related.error) : undefined;
    }

    get invoices() {
        return (this.related?.data?.records ?? []).map((record) => ({
            id: record.id,
            number: getFieldValue(record, INVOICE_NUMBER) || "Draft",
            url: getFieldValue(record, URL),
            payment: getFieldValue(record, PAYMENT_STATUS),
            due: getFieldValue(record, DUE_DATE),
            total: getFieldValue(record, TOTAL),
            outstanding: getFieldValue(record, AMOUNT_DUE),
            currency: getFieldValue(record, CURRENCY)
        }));
    }

    get hasInvoices() {
        return this.invoices.length > 0;
    }

    get hasMore() {
        return Boolean(this.related?.data?.nextPageToken);
    }
}
