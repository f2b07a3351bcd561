// peer.js - ONNX Runtime under bench/engine.py, beside tacit-bench-engine --serve (same protocol).
//
//   node peer.js MODEL.onnx THREADS TYPE DIM,DIM.. INPUT.bin [cpu]
//
// cpu: the processor's time of the process instead, for busy machines.
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
    const [model, threads, type, dims, input, clock] = process.argv.slice(2);
    const now = clock === "cpu" ? () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e3; }
        : () => Number(process.hrtime.bigint()) / 1e6;
    const before = status("VmRSS");
    const ort = require("onnxruntime-node");
    const start = now();
    const session = await ort.InferenceSession.create(model, {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: "all"});
    const load = now() - start;
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
                const from = now();
                await session.run(feeds);
                times.push(now() - from);
            }
            times.sort((a, b) => a - b);
            console.log(times[times.length >> 1].toFixed(5));
        }
    }
}

main().catch((error) => { console.error(String(error)); process.exit(1); });
