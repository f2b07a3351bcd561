// reference.js - runs the models of a list with ONNX Runtime.
//     node reference.js LIST     LIST: JSON, made by agreement.py; answers go beside the models
'use strict';
const fs = require('fs');
const ort = require('onnxruntime-node');

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array,
  uint8: Uint8Array, int8: Int8Array, bool: Uint8Array,
};

function tensorOf(input) {
  const bytes = fs.readFileSync(input.file);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new ort.Tensor(input.type, new ARRAYS[input.type](copy), input.shape);
}

async function run(model) {
  const session = await ort.InferenceSession.create(
      model.file, {intraOpNumThreads: 1, logSeverityLevel: 3});
  const feeds = {};
  for (const input of model.inputs) feeds[input.name] = tensorOf(input);
  const results = await session.run(feeds, model.outputs);
  return model.outputs.map((name, i) => {
    const value = results[name];
    const answer = {name, type: value.type, shape: Array.from(value.dims)};
    if (value.type === 'string') return {...answer, texts: Array.from(value.data)};
    answer.file = `${model.file}.${i}.bin`;
    fs.writeFileSync(answer.file, Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength));
    return answer;
  });
}

async function main() {
  const models = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  for (const model of models) {
    let answer;
    try {
      answer = {outputs: await run(model)};
    } catch (error) {
      answer = {error: String(error.message || error)};
    }
    fs.writeFileSync(`${model.file}.json`, JSON.stringify(answer));
  }
}

main();
