// Subscribes to account changes, tells when it is listening, and prints what came until it has seen enough.
import PubSubApiClient from 'salesforce-pubsub-api-client';

const [pubSubEndpoint, accessToken, organizationId, topic, wanted, replayId] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error(text) { console.error(text); } };
const client = new PubSubApiClient(
    {
        authType: 'user-supplied',
        pubSubEndpoint,
        accessToken,
        organizationId,
        instanceUrl: 'https://emulated.my.salesforce.com',
        rejectUnauthorizedSsl: false
    },
    quiet
);
const events = [];
let publishing = Promise.resolve(); // an event may come before the answer to its publication
const told = (value) => console.log(JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? Number(each) : each)));
const heard = (subscription, kind, data) => {
    if (kind === 'grpcKeepAlive') {
        return;
    }
    if (kind === 'event') {
        events.push(data);
        if (events.length === Number(wanted)) {
            publishing.then(() => {
                told({ events, last: subscription.lastReplayId });
                client.close();
                process.exit(0);
            });
        }
    } else if (kind === 'error') {
        told({ error: String(data.message), details: data.details });
        process.exit(0);
    }
};

await client.connect();
if (replayId) {
    client.subscribeFromReplayId(topic, heard, 10, Number(replayId));
} else {
    client.subscribeFromEarliestEvent(topic, heard, 10);
}
if (topic.startsWith('/event/')) {
    publishing = client.publish(topic, { CreatedDate: 1, CreatedById: '005', Number__c: { string: '9' }, Amount__c: null, Late__c: null }, 'my-key')
        .then((published) => told({ published }));
    await publishing;
}
