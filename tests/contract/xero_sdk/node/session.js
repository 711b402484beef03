// One session of an integration built on the official Node SDK. It reports what it saw, one JSON member per step.
// The SDK has no setting for Xero's hosts, so their names are turned to the emulator where requests leave the process.
'use strict';

const http = require('http');
const axios = require('axios');
const { Issuer } = require('openid-client');
const { XeroClient } = require('xero-node');

const [base, clientId, clientSecret] = process.argv.slice(2);
const redirectUri = 'http://localhost:5000/callback';

const discover = Issuer.discover.bind(Issuer);
Issuer.discover = () => discover(base);
axios.interceptors.request.use((config) => {
  config.url = config.url.replace(/^https:\/\/(api|identity)\.xero\.com/, base);
  return config;
});

const xero = new XeroClient({
  clientId,
  clientSecret,
  redirectUris: [redirectUri],
  scopes: (
    'openid profile email offline_access accounting.contacts accounting.invoices accounting.settings ' +
    'accounting.attachments'
  ).split(' '),
  state: 'state-of-this-visit',
});
xero.accountingApi.basePath = `${base}/api.xro/2.0`;

// What a person's browser does with the consent page: submit its form and follow the redirect.
function consent(url) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST' }, (answer) => {
      answer.resume();
      resolve(answer.headers.location);
    });
    request.on('error', reject);
    request.end('decision=allow');
  });
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    const { response } = typeof error === 'string' ? JSON.parse(error) : error;
    const headers = Object.keys(response.headers);
    return { thrown: typeof error, status: response.statusCode ?? response.status, body: response.body, headers };
  }
  return { thrown: 'nothing' };
}

async function identity(seen) {
  const callback = await consent(await xero.buildConsentUrl());
  const tokens = await xero.apiCallback(callback);
  seen.claims = tokens.claims();
  seen.granted = { scope: tokens.scope, expires_in: tokens.expires_in };
  seen.reused_code = await xero.apiCallback(callback).catch((error) => error.error);
  const before = xero.readTokenSet().refresh_token;
  const after = (await xero.refreshToken()).refresh_token;
  seen.rotated = Boolean(after) && after !== before;
  await xero.refreshWithRefreshToken(clientId, clientSecret, after);
  const [tenant] = await xero.updateTenants();
  seen.tenant = { name: tenant.tenantName, type: tenant.tenantType, currency: tenant.orgData.baseCurrency };
  return tenant;
}

async function customConnection(seen) {
  const config = { clientId, clientSecret, grantType: 'client_credentials', scopes: 'accounting.settings' };
  const machine = new XeroClient(config);
  machine.accountingApi.basePath = `${base}/api.xro/2.0`;
  const tokens = await machine.getClientCredentialsToken();
  const organisations = await machine.accountingApi.getOrganisations('');
  seen.machine = { tokens: Object.keys(tokens), name: organisations.body.organisations[0].name };
}

async function accounting(tenantId, seen) {
  const api = xero.accountingApi;
  const contacts = await api.createContacts(tenantId, { contacts: [{ name: 'Node Pty Ltd' }] });
  const [contact] = contacts.body.contacts;
  seen.contact = { status: contact.contactStatus, groups: contact.contactGroups };
  seen.headers = Object.keys(contacts.response.headers);
  const invoice = {
    type: 'ACCREC',
    status: 'AUTHORISED',
    contact: { contactID: contact.contactID },
    date: '2026-11-20',
    dueDate: '2026-12-04',
    lineItems: [{ description: 'Advice', quantity: 3, unitAmount: 33.35, accountCode: '200', taxType: 'OUTPUT' }],
  };
  const batch = { invoices: [invoice, { ...invoice, lineItems: [] }] };
  const answered = await api.createInvoices(tenantId, batch, false);
  seen.batch = answered.body.invoices.map((row) => ({ hasErrors: row.hasErrors, total: row.total }));
  const [made] = answered.body.invoices;
  const listed = await api.getInvoices(tenantId, new Date(Date.now() - 60000), undefined, 'Date DESC', [made.invoiceID],
    undefined, undefined, ['AUTHORISED'], 1);
  const [read] = listed.body.invoices;
  seen.invoice = { status: read.status, due: read.amountDue, stamped: read.updatedDateUTC instanceof Date };
  seen.page = listed.body.pagination;
  seen.refused = await refusal(api.createInvoices(tenantId, { invoices: [batch.invoices[1]] }, true));
  seen.missing = await refusal(api.getInvoice(tenantId, '11111111-1111-4111-8111-111111111111'));
}

async function aroundDocuments(tenantId, seen) {
  const api = xero.accountingApi;
  const [contact] = (await api.createContacts(tenantId, { contacts: [{ name: 'Around Pty Ltd' }] })).body.contacts;
  const line = { description: 'Advice', quantity: 1, unitAmount: 10, accountCode: '200', taxType: 'OUTPUT' };
  const wanted = {
    type: 'ACCREC', status: 'AUTHORISED', contact: { contactID: contact.contactID }, dueDate: '2026-12-04', lineItems: [line],
  };
  const [invoice] = (await api.createInvoices(tenantId, { invoices: [wanted] })).body.invoices;
  const id = invoice.invoiceID;

  const groups = await api.createContactGroup(tenantId, { contactGroups: [{ name: 'Key customers' }] });
  const groupId = groups.body.contactGroups[0].contactGroupID;
  await api.createContactGroupContacts(tenantId, groupId, { contacts: [{ contactID: contact.contactID }] });
  const [group] = (await api.getContactGroup(tenantId, groupId)).body.contactGroups;
  await api.deleteContactGroupContact(tenantId, groupId, contact.contactID);
  const [left] = (await api.getContactGroup(tenantId, groupId)).body.contactGroups;
  seen.group = { members: group.contacts.map((row) => row.name), left: left.contacts.length };

  await api.createInvoiceHistory(tenantId, id, { historyRecords: [{ details: 'Called the customer' }] });
  const history = (await api.getInvoiceHistory(tenantId, id)).body.historyRecords;
  seen.history = history.map((row) => ({ changes: row.changes, stamped: row.dateUTC instanceof Date }));

  const content = Buffer.from([0, 255, 128, 10]);
  const uploaded = await api.createInvoiceAttachmentByFileName(tenantId, id, 'plan.png', content, true);
  const [file] = (await api.getInvoiceAttachments(tenantId, id)).body.attachments;
  const read = (await api.getInvoiceAttachmentById(tenantId, id, file.attachmentID, 'image/png')).body;
  seen.attachment = {
    uploaded: uploaded.body.attachments.length, name: file.fileName, type: file.mimeType, same: content.equals(read),
  };

  const online = await api.getOnlineInvoice(tenantId, id);
  const pdf = (await api.getInvoiceAsPdf(tenantId, id)).body;
  seen.customer = { url: online.body.onlineInvoices[0].onlineInvoiceUrl, pdf: Buffer.from(pdf).toString('latin1', 0, 5) };
  seen.email = await refusal(api.emailInvoice(tenantId, id, {}));
}

async function main() {
  const seen = {};
  await customConnection(seen);
  const tenant = await identity(seen);
  await accounting(tenant.tenantId, seen);
  await aroundDocuments(tenant.tenantId, seen);
  await xero.disconnect(tenant.id);
  seen.left = (await xero.updateTenants(false)).length;
  seen.disconnected = await refusal(xero.accountingApi.getOrganisations(tenant.tenantId));
  await xero.revokeToken();
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
