// Runs the shared vectors of the project through this package: node run.js VECTORS_DIR [--case NAME] [--sync]
//
// Prints `ok NAME` or `FAILED NAME: step 3 groma_...: reason` for each case, and how many; ends with 1 if any failed. Cases with
// an environment of their own run in a child process. With --sync, long calls are made on the main thread.

'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// Tells a child that its environment is in place.
const IN_CHILD = 'GROMA_VECTORS_CHILD';
/** Environment variables that say where things of the machine are. */
const places = {
    runtime: 'GROMA_VECTORS_RUNTIME',
    old_runtime: 'GROMA_VECTORS_OLD_RUNTIME',
    lonely: 'GROMA_VECTORS_LONELY',
};

/** Text with the places `${...}` filled in. */
function resolve(text, known) {
    return text.replace(/\$\{(\w+)\}/g, (_, name) => {
        const place = known[name] ?? process.env[places[name]];
        if (!place) throw new Error(`nothing is known as \${${name}}`);
        return place;
    });
}

const modelsOf = vectors => path.join(path.dirname(vectors), 'models');

function skipped({ needs }) {
    if (needs === undefined) return null;
    if (needs === 'debug') return process.env.GROMA_VECTORS_RELEASE === '1' ? 'the library is a release build' : null;
    if (needs === 'no_runtime') return process.env[places.lonely] ? null : `${places.lonely} is not set`;
    throw new Error(`it needs ${needs}, which this runner does not know`);
}

function runChild(vectors, name, environment, sync) {
    const variables = { ...process.env, [IN_CHILD]: '1' };
    const known = { vectors, models: modelsOf(vectors) };
    for (const [variable, value] of Object.entries(environment)) {
        if (value === null) delete variables[variable];
        else variables[variable] = resolve(value, known);
    }
    const options = { env: variables, encoding: 'utf8' };
    const child = spawnSync(process.execPath, [__filename, vectors, '--case', name, ...(sync ? ['--sync'] : [])], options);
    if (child.status === 0) return;
    const failed = child.stdout.split('\n').find(line => line.startsWith(`FAILED ${name}: `));
    throw new Error(failed?.slice(`FAILED ${name}: `.length) ?? `the child process failed: ${child.stdout}${child.stderr}`);
}

async function runFile(vectors, name, sync) {
    const testCase = JSON.parse(fs.readFileSync(path.join(vectors, name, 'case.json'), 'utf8'));
    const reason = skipped(testCase);
    if (reason !== null) return reason;
    if (testCase.environment && !process.env[IN_CHILD]) {
        runChild(vectors, name, testCase.environment, sync);
    } else {
        const { runCase } = require('./case.js');
        await runCase({ vectors, models: modelsOf(vectors), name, steps: testCase.steps, sync, resolve });
    }
    return null;
}

async function main(parameters) {
    const sync = parameters.includes('--sync');
    const [folder, option, only, ...more] = parameters.filter(parameter => parameter !== '--sync');
    if (folder === undefined || more.length > 0 || (option !== undefined && (option !== '--case' || only === undefined))) {
        console.error('usage: node run.js VECTORS_DIR [--case NAME] [--sync]');
        return 2;
    }
    const vectors = path.resolve(folder);
    process.env[places.runtime] ??= process.env.GROMA_ONNXRUNTIME ?? '';
    const names = fs.readdirSync(vectors).sort().filter(name => {
        return fs.existsSync(path.join(vectors, name, 'case.json')) && (only === undefined || name === only);
    });
    let [passed, failed] = [0, 0];
    for (const name of names) {
        try {
            const reason = await runFile(vectors, name, sync);
            if (reason === null) passed += 1;
            console.log(reason === null ? `ok ${name}` : `skipped ${name}: ${reason}`);
        } catch (error) {
            failed += 1;
            console.log(`FAILED ${name}: ${error.message}`);
            if (process.env.GROMA_VECTORS_STACKS) console.log(error.stack);
        }
    }
    console.log(`${passed} passed, ${failed} failed`);
    return failed > 0 || names.length === 0 ? 1 : 0;
}

main(process.argv.slice(2)).then(status => {
    process.exitCode = status;
});
