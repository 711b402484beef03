import { LightningElement, api, wire } from "lwc";
import { getFieldValue, getRecord } from "lightning/uiRecordApi";
import BALANCE from "@salesforce/schema/Account.Xero_Balance__c";
import CONTACT_ID from "@salesforce/schema/Account.Xero_Contact_Id__c";
import CREDIT_EXPOSURE from "@salesforce/schema/Account.Xero_Credit_Exposure__c";
import CURRENCY from "@salesforce/schema/Account.Xero_Currency__c";
import DAYS_TO_PAY from "@salesforce/schema/Account.Xero_Days_To_Pay__c";
import OLDEST_OVERDUE from "@salesforce/schema/Account.Xero_Oldest_Overdue__c";
import OVERDUE from "@salesforce/schema/Account.Xero_Overdue__c";
import { problemIn, shownRows } from "c/crossfootFields";

const ROWS = [
    { label: "Owed, with tax", field: BALANCE },
    { label: "Overdue, with tax", field: OVERDUE },
    { label: "Oldest due date that passed", field: OLDEST_OVERDUE },
    { label: "Credit exposure, with tax", field: CREDIT_EXPOSURE },
    { label: "Currency in Xero", field: CURRENCY },
    { label: "Days to pay, on average", field: DAYS_TO_PAY }
];
const FIELDS = [...ROWS.map((row) => row.field), CONTACT_ID];

export default class CrossfootCustomer extends LightningElement {
    @api recordId;

    @wire(getRecord, { recordId: "$recordId", optionalFields: FIELDS })
    account;

    get isLoading() {
        return !this.account?.data && !this.account?.error;
    }

    get problem() {
        return this.account?.error ? problemIn(this.account.error) : undefined;
    }

    get isUnknown() {
        return !getFieldValue(this.account.data, CONTACT_ID);
    }

    get rows() {
        return shownRows(this.account.data, ROWS);
    }

    /** Amounts of several currencies are never added up, nor shown in a currency that is not theirs. */
    get isNotSummed() {
        const owed = getFieldValue(this.account.data, BALANCE);
        return (owed === null || owed === undefined) && Boolean(getFieldValue(this.account.data, CURRENCY));
    }
}
