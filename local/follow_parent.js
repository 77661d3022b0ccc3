// Preloaded into Azurite (node --require). Its standard input is a pipe whose other end only the
// process that started it holds; when that process is gone, however it died, the pipe ends and
// Azurite writes out what it has in memory as it does for SIGTERM, instead of being left behind.
"use strict";

process.stdin.on("error", () => {});
process.stdin.on("close", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
process.stdin.unref(); // watching must not keep a closed Azurite alive

// What it says on its way out then goes nowhere, and must not end it before its data is written.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
