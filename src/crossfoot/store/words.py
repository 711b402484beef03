"""Words that stored values have in common.

``WORDS`` is one body of each kind as it is encoded, its values left out: bodies in the database were compressed against
exactly these, by form (``packed``), and other words are another form beside them. ``COMMON`` are words of names and
reasons, which are kept by their places: no word may be added without a migration, or change its place ever.
"""

from __future__ import annotations

_FIRST = (
    b'{"before":null,"element":{"Contact":{"ContactID":""},"CurrencyCode":"AUD","Date":"2026-","DueDate":"2026-",'
    b'"InvoiceNumber":"SF-D-000","LineAmountTypes":"Exclusive","LineItems":[{"AccountCode":"200","Description":"",'
    b'"ItemCode":"","Quantity":1.0000,"TaxType":"OUTPUT","UnitAmount":0.0000}],"Reference":"","Status":"DRAFT",'
    b'"Type":"ACCREC","Url":"https://"},"form":{"contact":"","currency":"AUD","dated":"2026-","due":"2026-",'
    b'"line_amounts":"Exclusive","lines":[{"account":"200","amount":0,"description":"","discount_amount":0,'
    b'"discount_rate":0,"item":"","quantity":1,"tax":"OUTPUT","tracking":[],"unit_amount":0}],"reference":"",'
    b'"url":"https://"}}'
    b'{"after":{},"before":null,"content":"","currency":"AUD","ex_tax":"","gross":"","key":"","mapping":"",'
    b'"number":"SF-D-000","operation":"","payload":"","reason":"it follows what Xero holds","refusal":"","run":"",'
    b'"xero_id":""}'
    b'{"differs":[],"number":"","rate":"1.0000000000","total":"","xero_id":""}'
    b'{"Account__c":"001","Amount_Credited__c":0.00,"Amount_Due__c":0,"Amount_Paid__c":0.00,'
    b'"CurrencyIsoCode":"AUD","Currency__c":"AUD","Date__c":"2026-","Due_Date__c":"2026-","Invoice_Id__c":"",'
    b'"Invoice_Number__c":"SF-D-000","Name":"","Opportunity__c":"006","Paid_Date__c":null,'
    b'"Payment_Status__c":"Not approved yet","Reference__c":"","Status__c":"Draft","Subtotal__c":0,"Tax__c":0,'
    b'"Total__c":0,'
    b'"Url__c":"https://go.xero.com/organisationlogin/default.aspx?shortcode=!&redirecturl=/AccountsReceivable/View.aspx?InvoiceID=",'
    b'"Xero_Contact__r":{"Xero_Key__c":""},"Xero_Organisation__r":{"Xero_Key__c":":organisation"}}'
    b'{"Account_Code__c":"200","CurrencyIsoCode":"AUD","Description__c":"","Discount_Rate__c":null,'
    b'"Item_Code__c":"","Line_Amount__c":"","Quantity__c":"1.0000","Removed__c":false,"Tax_Amount__c":"",'
    b'"Tax_Type__c":"OUTPUT","Tracking__c":null,"Unit_Amount__c":"","Xero_Invoice__r":{"Xero_Key__c":""},'
    b'"Xero_Item__r":{"Xero_Key__c":""},"Xero_Tax_Rate__r":{"Xero_Key__c":":OUTPUT"}}'
    b'{"Xero_Amount_Due__c":"","Xero_Amount_Paid__c":"0.00","Xero_Drafted__c":"0","Xero_Invoice_Id__c":"",'
    b'"Xero_Invoice_Number__c":"","Xero_Invoice_Url__c":"","Xero_Invoiced__c":"0","Xero_Last_Error__c":null,'
    b'"Xero_Paid_Date__c":null,"Xero_Payment_Status__c":"Unpaid","Xero_Scheduled__c":"0",'
    b'"Xero_Status__c":"Authorised","Xero_Subtotal__c":"","Xero_Sync_State__c":"Drafted","Xero_Tax__c":"",'
    b'"Xero_Total__c":"","Xero_Uninvoiced__c":"0"}'
    b'{"Xero_Balance__c":"0","Xero_Contact_Id__c":"","Xero_Credit_Exposure__c":"","Xero_Currency__c":"AUD",'
    b'"Xero_Days_To_Pay__c":null,"Xero_Oldest_Overdue__c":null,"Xero_Overdue__c":"0"}'
    b'{"ABN__c":null,"AccountNumber":"","BillingCity":null,"BillingCountry":"Australia","BillingPostalCode":null,'
    b'"BillingState":null,"BillingStreet":null,"CreatedDate":"2026-T.000+0000","Id":"001","Name":"","Phone":null}'
    b'{"account_number":"","addresses":[{"attention":"","city":"","country":"Australia","kind":"STREET",'
    b'"lines":[],"postal_code":"","region":""},{"attention":"","city":"","country":"","kind":"POBOX","lines":[],'
    b'"postal_code":"","region":""}],"contact_id":"","contact_number":"001","email":"","first_name":"",'
    b'"last_name":"","merged_to":"","name":"Pty Ltd Limited","phones":[],"sales_terms":null,"status":"ACTIVE",'
    b'"tax_number":"","updated":"2026-01-01T00:00:00Z"}{"AccountId":"001","Amount":,"CloseDate":"2026-",'
    b'"CreatedDate":"2026-T.000+0000","CurrencyIsoCode":"AUD","Deal_Number__c":"D-000","Id":"006","IsWon":true,'
    b'"LastStageChangeDate":null,"Name":"","OpportunityLineItems":[{"Description":null,"Discount":null,"Id":"00k",'
    b'"Product2":{"Xero_Account__r":null,"Xero_Tax_Rate__r":null},"Product2Id":"01t","Quantity":1.0,'
    b'"UnitPrice":0.0,"Xero_Account__r":null,"Xero_Tax_Rate__r":null}],"Owner":{"Name":""},"PO_Number__c":null,'
    b'"Whole_Deal_Discount__c":null,"Xero_Account__r":null,"Xero_Tax_Rate__r":null}'
    b'{"amount_credited":0.00,"amount_due":0.00,"amount_paid":0.00,"contact_id":"","contact_name":"",'
    b'"currency":"AUD","currency_rate":1.0000000000,"dated":"2026-","due":"2026-","fully_paid_on":null,'
    b'"invoice_id":"","line_amount_types":"Exclusive","lines":[{"account_code":"200","description":"",'
    b'"discount_amount":null,"discount_rate":null,"item_code":"","line_amount":0.00,"line_item_id":"",'
    b'"quantity":1.0000,"tax_amount":0.00,"tax_type":"OUTPUT","tracking":[],"unit_amount":0.0000}],'
    b'"number":"SF-D-000","payments":[],"reference":"","status":"AUTHORISED","status":"PAID","status":"DRAFT",'
    b'"sub_total":0.00,"total":0.00,"total_tax":0.00,"updated":"2026-000Z","url":"https://.my.salesforce.com/006"}'
)

_MORE = (
    b'{"after":{"AccountNumber":"","Addresses":[{"AddressType":"POBOX","Country":"Australia"}],"ContactNumber":"001",'
    b'"Name":""},"before":null,"call":"","content":"","currency":"","ex_tax":"0","gross":"0","mapping":"","number":"",'
    b'"operation":"","payload":"","reason":"no such customer in Xero","run":"","xero_id":""}'
    b'{"ABN__c":null,"AccountNumber":"","BillingCity":null,"BillingCountry":"Australia","BillingPostalCode":null,'
    b'"BillingState":null,"BillingStreet":null,"CreatedDate":"2026-T.000+0000","Id":"001","LastModifiedBy":{"Name":""},'
    b'"MasterRecordId":null,"Name":"","Phone":null}'
    b'{"account_number":"","addresses":[{"attention":"","city":"","country":"Australia","kind":"POBOX","lines":[],'
    b'"postal_code":"","region":""}],"contact_id":"","contact_number":"001","email":"","first_name":"","last_name":"",'
    b'"merged_to":"","name":"","people":[],"phones":[],"sales_terms":null,"status":"ACTIVE","tax_number":"",'
    b'"updated":"2026-T000Z"}{"AccountId":"001","Amount":,"CloseDate":"2026-","CreatedDate":"2026-T.000+0000",'
    b'"CurrencyIsoCode":"AUD","Deal_Number__c":"D-000","Id":"006","IsWon":true,"LastStageChangeDate":null,"Name":"",'
    b'"OpportunityLineItems":[{"Description":null,"Discount":null,"Id":"00k","Product2":{"Xero_Account__r":null,'
    b'"Xero_Tax_Rate__r":null},"Product2Id":"01t","Quantity":1.0,"UnitPrice":0.0,"Xero_Account__r":null,'
    b'"Xero_Tax_Rate__r":null},{"Description":null,"Discount":null,"Id":"00k"}],"Owner":{"Name":""},'
    b'"PO_Number__c":null,"Whole_Deal_Discount__c":null,"Xero_Account__r":null,"Xero_Tax_Rate__r":null}'
    b'{"amount_credited":0.00,"amount_due":,"amount_paid":0.00,"contact_id":"","contact_name":"","currency":"AUD",'
    b'"currency_rate":1.0000000000,"dated":"2026-","due":"2026-","fully_paid_on":null,"invoice_id":"",'
    b'"line_amount_types":"Exclusive","lines":[{"account_code":"200","description":"","discount_amount":null,'
    b'"discount_rate":null,"item_code":"","line_amount":0.00,"line_item_id":"","quantity":1.0000,"tax_amount":0.00,'
    b'"tax_type":"OUTPUT","tracking":[],"unit_amount":0.0000},{"account_code":"200","description":"}],"number":"SF-D-000",'
    b'"payments":[],"reference":"D-000","status":"DRAFT","sub_total":0.00,"total":0.00,"total_tax":0.00,'
    b'"updated":"2026-T000Z","url":"https://.my.salesforce.com/006"}'
)

WORDS = {b"\x01": _FIRST, b"\x02": _FIRST + _MORE}

COMMON = (
    "create ",
    "update ",
    "delete ",
    "verify ",
    "write back ",
    " refused",
    "Xero_Account__c",
    "Xero_Contact__c",
    "Xero_Credit_Note__c",
    "Xero_Invoice__c",
    "Xero_Invoice_Line__c",
    "Xero_Item__c",
    "Xero_Organisation__c",
    "Xero_Payment__c",
    "Xero_Tax_Rate__c",
    "Xero_Tracking_Option__c",
    "OpportunityLineItem",
    "Opportunity",
    "Product2",
    "Account",
    "CreditNote",
    "Contact",
    "Invoice",
    "Payment",
    "crossfoot",
    "salesforce",
    "xero",
    "won on ",
    ", closed ",
    "; customer: ",
    "no such customer in Xero",
    "in Xero as ",
    "same ABN ",
    "used on a deal, missing in Xero",
)
