"""What the emulator leaves out of Salesforce's APIs, as a table; the reference page is written from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that Salesforce has and the emulator has not, what a client meets instead, and where it is told of."""

    what: str
    instead: str
    section: str


_UNKNOWN_PATH = "404 `NOT_FOUND`"
_FILES = "there is no such object; one part of the body is JSON; an address"
_NO_COMPONENT = "a component failure, which says so"
NOT_COVERED: tuple[Gap, ...] = (
    Gap("JWT-format access tokens", "tokens are opaque", "SF 1.3"),
    Gap("Device flow, asset tokens, token exchange, SAML", "`unsupported_grant_type`", "SF 1.3"),
    Gap("Registering apps", "one app, and apps without a secret, by the settings of the org", "SF 1.1"),
    Gap(
        "ui-api, GraphQL, analytics, Chatter, Connect, app menu, search layouts, Apex REST",
        _UNKNOWN_PATH,
        "SF 11.1",
    ),
    Gap("What a person viewed, quick actions, approval processes, workflow rules, flows", "there are none", "SF 2.4"),
    Gap("List views but for one of all records, and custom compact layouts", "there are none", "SF 2.4"),
    Gap("Bodies in XML, and answers in XML", "415; answers are JSON", "SF 2.1"),
    Gap("The SOAP operations not listed here, SOAP for tooling and Apex, and the WSDLs", "a fault", "SF 2.9"),
    Gap("Relevance, synonyms, WITH clauses and snippets of searches", "words are found as they stand", "SF 2.6"),
    Gap("Pages of the user interface, to which `singleaccess` leads", _UNKNOWN_PATH, "SF 1.3"),
    Gap("Documents, file libraries and previews; files in collections, and their bytes over SOAP", _FILES, "SF 6.14"),
    Gap(
        "Standard Invoice, CreditMemo and Payment, cases, campaign members, users' roles and groups",
        "there is no such object",
        "SF 6.1",
    ),
    Gap("Page layouts, and standard actions", _UNKNOWN_PATH, "SF 2.4"),
    Gap("Dependent picklists", "any value of the picklist is taken", "SF 2.4"),
    Gap("Lookup filters", "kept with the field; any record is taken", "SF 6.13"),
    Gap(
        "Sharing: roles, groups, sharing rules, manual shares, restriction rules",
        "a user sees all rows of an object that is granted, but for those that the control plane hides",
        "SF 7",
    ),
    Gap(
        "Running flows, Apex, Lightning components, approvals and assignment rules",
        "deployed as files that nothing runs",
        "SF 2.1, 8.4",
    ),
    Gap("Translations of labels and messages", "`toLabel` answers the value itself", "SF 3.2"),
    Gap("Territories, forecasts, teams and product schedules", "there is no such object", "SF 6.5"),
    Gap("What FOR VIEW, FOR REFERENCE and WITH SECURITY_ENFORCED bring about", "read, without effect", "SF 3.2"),
    Gap("Bulk API 1.0: zipped content types, and mapping files (`spec`)", "`FeatureNotEnabled`, 404", "SF 4.5"),
    Gap("Custom event channels, event filters and enrichment", "`topic.not.found`", "SF 5.5"),
    Gap("Managed subscriptions", "there are none to be named", "SF 5.1"),
    Gap("CometD, PushTopics, generic events", "every handshake is denied, with the reason", "SF 5.1"),
    Gap("Deploying platform events, custom metadata and custom settings", _NO_COMPONENT, "SF 8.4"),
    Gap("Changing standard fields, field sets, web links and business processes of an object", _NO_COMPONENT, "SF 8.4"),
    Gap("Metadata types and field types that are not listed here", _NO_COMPONENT, "SF 8.4"),
    Gap("The Tooling API but for validation rules and packages as rows; so anonymous Apex", _UNKNOWN_PATH, "SF 11.1"),
    Gap("Groups and licences of permission sets, installed packages", "there are none", "SF 8.4, 8.5"),
)
