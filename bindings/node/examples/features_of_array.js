// Computes features of points: node features_of_array.js SCHEMA < points.txt > features.csv
//
// Reads lines of x, y and z in metres; SCHEMA names columns or a set of them, as "planarity@k20, height_above_ground".

'use strict';

const fs = require('node:fs');
const { Features } = require('..'); // in your programs: require('groma')

async function main(schema) {
    const words = fs.readFileSync(0, 'utf8').split(/\s+/).filter(word => word !== '');
    const xyz = Float64Array.from(words, Number);
    // The resolution is that of the data: nothing moves.
    const features = await Features.compute({ xyz, resolution: 0.01 }, schema);
    const lines = [features.columns.join(',')];
    for (let i = 0; i < features.rows; i += 1) lines.push(Array.from(features.row(i), String).join(','));
    process.stdout.write(`${lines.join('\n')}\n`);
}

if (process.argv.length !== 3) {
    console.error('usage: node features_of_array.js SCHEMA < points.txt > features.csv');
    process.exitCode = 2;
} else {
    main(process.argv[2]).catch(error => {
        console.error(`features_of_array: ${error.message}`);
        process.exitCode = 1;
    });
}
