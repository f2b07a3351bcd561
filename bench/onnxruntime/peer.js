// peer.js - ONNX Runtime under bench/engine.py, beside tacit-bench-engine --serve (same protocol).
//
//   node peer.js MODEL.onnx THREADS TYPE DIM,DIM.. INPUT.bin
//
// Prints "load MS MB" (MB: resident before the library was loaded), then answers each line: a number
// N with the median milliseconds of N runs, "save FILE" with the first output's elements in FILE,
// "peak" with the most megabytes that the process ever had resident.
"use strict";
const fs = require("fs");
const readline = require("readline");

function status(key) {
    const line = fs.readFileSync("/proc/self/status", "utf8").split("\n").find((l) => l.startsWith(key));
    return Number(line.replace(/\D+/g, "")) / 1024;
}

async function main() {
    const [model, threads, type, dims, input] = process.argv.slice(2);
    const before = status("VmRSS");
    const ort = require("onnxruntime-node");
    const start = process.hrtime.bigint();
    const session = await ort.InferenceSession.create(model, {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: "all"});
    const load = Number(process.hrtime.bigint() - start) / 1e6;
    const bytes = fs.readFileSync(input);
    const memory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const data = type === "int64" ? new BigInt64Array(memory) : new Float32Array(memory);
    const feeds = {[session.inputNames[0]]: new ort.Tensor(type, data, dims.split(",").map(Number))};
    console.log(`load ${load.toFixed(3)} ${before.toFixed(1)}`);
    for await (const line of readline.createInterface({input: process.stdin})) {
        if (line === "peak") {
            console.log(status("VmHWM").toFixed(1));
        } else if (line.startsWith("save ")) {
            const output = (await session.run(feeds))[session.outputNames[0]].data;
            fs.writeFileSync(line.slice(5), Buffer.from(output.buffer, output.byteOffset, output.byteLength));
            console.log("saved");
        } else {
            const times = [];
            for (let i = 0; i < Number(line); i++) {
                const from = process.hrtime.bigint();
                await session.run(feeds);
                times.push(Number(process.hrtime.bigint() - from) / 1e6);
            }
            times.sort((a, b) => a - b);
            console.log(times[times.length >> 1].toFixed(5));
        }
    }
}

main().catch((error) => { console.error(String(error)); process.exit(1); });
