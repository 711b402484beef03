// One session of an integration built on jsforce. It reports what it saw, one JSON member per step.
'use strict';

const http = require('http');
const { Connection, OAuth2 } = require('jsforce');

const [base, told] = process.argv.slice(2);
const env = JSON.parse(told);
const redirectUri = 'http://localhost:1717/OauthRedirect';

// What a person's browser does with the login page: send it filled in and allowed, and read the address it leads to.
function allow(url) {
  const form = new URLSearchParams({ username: env.username, password: env.password, decision: 'allow' });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers }, (answer) => {
      answer.resume();
      resolve(new URL(answer.headers.location).searchParams.get('code'));
    });
    request.on('error', reject);
    request.end(form.toString());
  });
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { name: error.name, code: error.errorCode ?? null, message: error.message, fields: error.data?.fields };
  }
  return null;
}

async function soap(seen) {
  const connection = new Connection({ loginUrl: base, version: '64.0' });
  const user = await connection.login(env.username, env.password + env.security_token);
  const identity = await connection.identity();
  seen.soap = { organization: user.organizationId, username: identity.username, instance: connection.instanceUrl };
  seen.soap.wrong = await refusal(new Connection({ loginUrl: base }).login(env.username, 'wrong'));
  seen.soap.gone = await refusal(new Connection({ loginUrl: base, version: '65.0' }).login(env.username, env.password));
  const token = connection.accessToken;
  await connection.logout();
  const later = new Connection({ instanceUrl: base, accessToken: token });
  seen.soap.after = await refusal(later.query('SELECT Id FROM Account'));
}

async function webServer(seen) {
  const { clientId, clientSecret } = env;
  const oauth2 = new OAuth2({ loginUrl: base, clientId, clientSecret, redirectUri, useVerifier: true });
  const connection = new Connection({ oauth2 });
  const user = await connection.authorize(await allow(oauth2.getAuthorizationUrl({ scope: 'api id refresh_token' })));
  seen.web = { organization: user.organizationId, identity: (await connection.identity()).preferred_username };
  const before = { access: connection.accessToken, refresh: connection.refreshToken };
  const kept = new Connection({ oauth2, instanceUrl: base, accessToken: 'ended', refreshToken: before.refresh });
  kept.on('refresh', (accessToken, answer) => {
    seen.web.renewed = accessToken !== before.access && answer.refresh_token !== before.refresh;
  });
  seen.web.after = (await kept.query('SELECT Name FROM Organization')).records[0].Name;
  seen.web.ended = await refusal(new Connection({ instanceUrl: base, accessToken: before.access }).query('SELECT Id FROM User'));
  const machine = new Connection({ oauth2: { loginUrl: base, clientId, clientSecret } });
  await machine.authorize({ grant_type: 'client_credentials' });
  seen.web.machine = (await machine.identity()).username;
  const typed = new Connection({ oauth2: { loginUrl: base, clientId, clientSecret } });
  await typed.login(env.username, env.password);
  seen.web.typed = typed.userInfo.organizationId;
}

async function rows(connection, seen) {
  const account = connection.sobject('Account');
  const made = await account.create({ Name: 'By jsforce', Site: 'Quay' });
  await account.update({ Id: made.id, Site: 'Wharf' });
  const read = await account.retrieve(made.id);
  const found = await account.find({ Name: 'By jsforce' }, ['Site', 'Owner.Username']).execute();
  seen.row = { success: made.success, site: read.Site, owner: found[0].Owner.Username };
  await account.destroy(made.id);
  seen.row.gone = await refusal(account.retrieve(made.id));
  seen.row.deleted = (await connection.query(`SELECT IsDeleted FROM Account WHERE Id = '${made.id}'`, { scanAll: true })).records;
  seen.row.refused = await refusal(connection.sobject('Opportunity').create({ Name: 'No stage' }));
  const invoice = connection.sobject('Xero_Invoice__c');
  seen.upserts = [
    await invoice.upsert({ Xero_Key__c: 'j-1', Status__c: 'DRAFT' }, 'Xero_Key__c'),
    await invoice.upsert({ Xero_Key__c: 'j-1', Status__c: 'PAID' }, 'Xero_Key__c'),
  ].map(({ success, created }) => ({ success, created }));
}

async function collections(connection, seen) {
  const account = connection.sobject('Account');
  const names = Array.from({ length: 450 }, (_, number) => ({ Name: `J${String(number).padStart(4, '0')}` }));
  const made = await account.create([...names, {}], { allowRecursive: true });
  seen.made = { good: made.filter((each) => each.success).length, bad: made.at(-1).errors.map((each) => each.statusCode) };
  const ids = made.filter((each) => each.success).map((each) => each.id);
  const updated = await account.update(ids.map((Id) => ({ Id, Site: 'Yard' })), { allowRecursive: true });
  seen.updated = updated.filter((each) => each.success).length;
  const soql = "SELECT Name FROM Account WHERE Site = 'Yard' ORDER BY Name";
  const options = { headers: { 'Sforce-Query-Options': 'batchSize=200' } };
  const page = await connection.query(soql, options);
  const more = await connection.queryMore(page.nextRecordsUrl, options);
  const all = await connection.query(soql, { autoFetch: true, maxFetch: 1000, ...options });
  seen.pages = { total: page.totalSize, first: page.records.length, second: more.records.length };
  seen.fetched = { count: all.records.length, first: all.records[0].Name, last: all.records.at(-1).Name };
  const gone = await account.destroy(ids.slice(0, 3));
  seen.destroyed = gone.map((each) => each.success);
  seen.left = (await connection.query("SELECT COUNT() FROM Account WHERE Site = 'Yard'")).totalSize;
}

async function bulk(connection, seen) {
  connection.bulk2.pollInterval = 200;
  const input = [...Array.from({ length: 30 }, (_, number) => ({ Name: `K${number}`, Site: 'Dock, "East"' })), { Site: 'Nowhere' }];
  const loaded = await connection.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input });
  seen.bulk = {
    good: loaded.successfulResults.map((each) => each.Name),
    bad: loaded.failedResults.map((each) => each.sf__Error.split(':')[0]),
    unprocessed: loaded.unprocessedRecords.length,
  };
  const stream = await connection.bulk2.query("SELECT Name, Site FROM Account WHERE Name LIKE 'K%' ORDER BY Name", { pollInterval: 200 });
  seen.bulk.read = await stream.toArray();
}

async function metadata(connection, seen) {
  const all = await connection.describeGlobal();
  const deal = await connection.sobject('Opportunity').describe();
  const stage = deal.fields.find((field) => field.name === 'StageName');
  seen.objects = all.sobjects.map((each) => each.name);
  seen.stage = { type: stage.type, nillable: stage.nillable, values: stage.picklistValues.map((each) => each.value) };
  seen.limits = (await connection.limits()).DailyApiRequests.Max;
  seen.usage = connection.limitInfo.apiUsage.limit;
  seen.malformed = await refusal(connection.query('SELECT Nope FROM Account'));
}

async function main() {
  const seen = {};
  const connection = new Connection({ instanceUrl: base, accessToken: env.access_token, version: '66.0' });
  await soap(seen);
  await webServer(seen);
  await rows(connection, seen);
  await collections(connection, seen);
  await bulk(connection, seen);
  await metadata(connection, seen);
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
