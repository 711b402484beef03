import { LightningElement, api, wire } from "lwc";
import { getFieldValue, getRecord } from "lightning/uiRecordApi";
import AMOUNT_DUE from "@salesforce/schema/Opportunity.Xero_Amount_Due__c";
import AMOUNT_PAID from "@salesforce/schema/Opportunity.Xero_Amount_Paid__c";
import INVOICE_NUMBER from "@salesforce/schema/Opportunity.Xero_Invoice_Number__c";
import INVOICE_URL from "@salesforce/schema/Opportunity.Xero_Invoice_Url__c";
import LAST_ERROR from "@salesforce/schema/Opportunity.Xero_Last_Error__c";
import PAID_DATE from "@salesforce/schema/Opportunity.Xero_Paid_Date__c";
import PAYMENT_STATUS from "@salesforce/schema/Opportunity.Xero_Payment_Status__c";
import STATUS from "@salesforce/schema/Opportunity.Xero_Status__c";
import SYNC_STATE from "@salesforce/schema/Opportunity.Xero_Sync_State__c";
import TOTAL from "@salesforce/schema/Opportunity.Xero_Total__c";
import UNINVOICED from "@salesforce/schema/Opportunity.Xero_Uninvoiced__c";
import { problemIn, shownRows } from "c/crossfootFields";

const ROWS = [
    { label: "Crossfoot", field: SYNC_STATE },
    { label: "Status in Xero", field: STATUS },
    { label: "Payment", field: PAYMENT_STATUS },
    { label: "Total, with tax", field: TOTAL },
    { label: "Outstanding, with tax", field: AMOUNT_DUE },
    { label: "Paid, with tax", field: AMOUNT_PAID },
    { label: "Paid on", field: PAID_DATE },
    { label: "Not invoiced yet, ex tax", field: UNINVOICED }
];
const FIELDS = [...ROWS.map((row) => row.field), INVOICE_NUMBER, INVOICE_URL, LAST_ERROR];

export default class CrossfootDeal extends LightningElement {
    @api recordId;

    @wire(getRecord, { recordId: "$recordId", optionalFields: FIELDS })
    deal;

    get isLoading() {
        return !this.deal?.data && !this.deal?.error;
    }

    get problem() {
        return this.deal?.error ? problemIn(this.deal.error) : undefined;
    }

    get rows() {
        return shownRows(this.deal.data, ROWS);
    }

    get isUnknown() {
        return this.rows.length === 0;
    }

    get invoiceNumber() {
        return getFieldValue(this.deal.data, INVOICE_NUMBER) || "Draft";
    }

    get invoiceUrl() {
        return getFieldValue(this.deal.data, INVOICE_URL);
    }

    get lastError() {
        return getFieldValue(this.deal.data, LAST_ERROR);
    }
}
