import { getFieldDisplayValue, getFieldValue } from "lightning/uiRecordApi";

/** A record's values in the reader's own format, under their labels; what is empty or hidden is left out. */
export function shownRows(record, wanted) {
    return wanted
        .map(({ label, field }) => ({
            label,
            name: field.fieldApiName,
            value: getFieldDisplayValue(record, field) ?? getFieldValue(record, field)
        }))
        .filter((row) => row.value !== undefined && row.value !== null && row.value !== "");
}

/** What a failed read says, in one line. */
export function problemIn(error) {
    const bodies = [error?.body ?? error].flat();
    const words = bodies.map((each) => each?.message).filter(Boolean);
    return words.join(" ") || "Salesforce could not read this record.";
}
