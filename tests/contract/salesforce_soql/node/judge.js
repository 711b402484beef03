// Reads a JSON list of SOQL texts, writes a JSON list: null where the parser accepts a text, else its complaint.
const fs = require("node:fs");
const { parseQuery } = require("@jetstreamapp/soql-parser-js");

const complaint = (text) => {
  try {
    parseQuery(text);
    return null;
  } catch (error) {
    return String(error.message);
  }
};

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(complaint)));
