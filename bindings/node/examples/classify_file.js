// Classifies a LAS, LAZ or COPC file with the default model: node classify_file.js INPUT OUTPUT
//
// Ctrl-C stops it within a fraction of a second, and leaves no output.

'use strict';

const { Model, GromaError } = require('..'); // in your programs: require('groma')

async function main(input, output) {
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    const model = await Model.openDefault();
    const progress = (stage, done, total) => process.stderr.write(`\r${stage.padEnd(10)} ${done} of ${total} points `);
    const summary = await model.classifyFile(input, output, { signal: stop.signal, progress });
    const { points, totalS, meanConfidence } = summary;
    process.stderr.write('\n');
    console.log(`${points} points in ${totalS.toFixed(1)} s, mean confidence ${meanConfidence.toFixed(3)}`);
    for (let asprs = 0; asprs < 256; asprs += 1) {
        const count = summary.classPoints(asprs);
        if (count > 0) console.log(`class ${String(asprs).padStart(3)} ${String(count).padStart(12)}`);
    }
}

if (process.argv.length !== 4) {
    console.error('usage: node classify_file.js INPUT OUTPUT');
    process.exitCode = 2;
} else {
    main(process.argv[2], process.argv[3]).catch(error => {
        const status = error instanceof GromaError ? ` (status ${error.status}, ${error.code})` : '';
        console.error(`\nclassify_file: ${error.message}${status}`);
        process.exitCode = 1;
    });
}
