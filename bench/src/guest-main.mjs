// What runs inside a guest kernel: node guest-main.mjs REQUEST REPORT
import { runRequestFile } from './cells.mjs';

const [requestFile, reportFile] = process.argv.slice(2);
await runRequestFile(String(requestFile), String(reportFile));
