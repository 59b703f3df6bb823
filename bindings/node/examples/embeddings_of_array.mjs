// Embeddings of points, the numbers inside a network that its answer is made of:
// node embeddings_of_array.mjs MODEL TENSOR < points.txt
//
// Reads lines of x, y and z in metres. MODEL is an ONNX file with a manifest, or "default"; TENSOR is any tensor of it with
// one row a point. Without a TENSOR, it lists what there is.

import fs from 'node:fs';
import { Model } from '../index.mjs'; // in your programs: from 'groma'

async function main(path, tensor) {
    const model = path === 'default' ? await Model.openDefault() : await Model.open(path);
    if (tensor === undefined) return console.log(JSON.stringify(model.describe(), null, 2));
    const words = fs.readFileSync(0, 'utf8').split(/\s+/).filter(word => word !== '');
    const xyz = Float64Array.from(words, Number);
    // The default model asks for the numbers of echoes; here every pulse had one.
    const one = new Uint8Array(xyz.length / 3).fill(1);
    const points = { xyz, resolution: 0.01, columns: { return_number: one, number_of_returns: one } };
    const embeddings = await model.embed(points, tensor);
    const [rows, width] = embeddings.shape;
    for (let i = 0; i < rows; i += 1) console.log(embeddings.data.subarray(i * width, (i + 1) * width).join(' '));
}

const [path, tensor] = process.argv.slice(2);
if (path === undefined) {
    console.error('usage: node embeddings_of_array.mjs MODEL [TENSOR] < points.txt');
    process.exitCode = 2;
} else {
    main(path, tensor).catch(error => {
        console.error(`embeddings_of_array: ${error.message}`);
        process.exitCode = 1;
    });
}
