// Reads a JSON list of SOQL texts and writes a JSON list with what the parser makes of each: a complaint (text),
// or a summary of the query that it read.
const fs = require("node:fs");
const { parseQuery } = require("@jetstreamapp/soql-parser-js");

const conditions = (node) => {
  if (node === null || typeof node !== "object") return 0;
  if (node.literalType !== undefined) return 1;
  return conditions(node.left) + conditions(node.right);
};

const summary = (query) => ({
  source: query.sObject,
  items: query.fields.length,
  conditions: conditions(query.where),
  orders: (query.orderBy ?? []).length,
  limit: query.limit ?? null,
  offset: query.offset ?? null,
});

const judge = (text) => {
  try {
    return summary(parseQuery(text));
  } catch (error) {
    return String(error.message);
  }
};

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(judge)));
