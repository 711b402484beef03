// Compiles every file of the Lightning web components below the folder that is named; prints what the compiler says.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@lwc/compiler";

const folder = process.argv[2];
let problems = 0;
for (const name of readdirSync(folder)) {
    for (const file of readdirSync(join(folder, name)).filter((each) => /\.(js|html|css)$/.test(each))) {
        try {
            const made = transformSync(readFileSync(join(folder, name, file), "utf8"), file, { name, namespace: "c" });
            for (const warning of made.warnings ?? []) {
                problems += 1;
                console.log(`${name}/${file}: ${warning.message}`);
            }
        } catch (error) {
            problems += 1;
            console.log(`${name}/${file}: ${error.message}`);
        }
    }
}
process.exitCode = problems ? 1 : 0;
