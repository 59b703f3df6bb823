// Runs one case: its steps one after the other, each against what it expects.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { GromaError, constants } = require('..');
const tensors = require('./tensors.js');
const { calls } = require('./calls.js');

/** One case while it runs. */
class Run {
    constructor({ vectors, models, name, sync, resolve }) {
        this.tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'groma-vectors-'));
        this.resolved = text => resolve(text, { vectors, models, tmp: this.tmp });
        this.input = tensors.read(path.join(vectors, name, 'in.safetensors'));
        this.output = tensors.read(path.join(vectors, name, 'out.safetensors'));
        this.things = new Map();
        this.log = [];
        this.heard = 0;
        this.sync = sync;
    }

    close() {
        for (const thing of this.things.values()) thing?.close?.();
        fs.rmSync(this.tmp, { recursive: true });
    }
}

/** A step: its arguments by their kinds. */
class Step {
    constructor(run, step) {
        this.run = run;
        this.step = step;
    }

    get(name) {
        return this.step[name] ?? null;
    }

    /** What a step before has given; undefined if the argument is not there. */
    thing(name) {
        const reference = this.get(name);
        return reference === null ? undefined : this.named(reference);
    }

    named(reference) {
        const name = reference.replace(/^\$/, '');
        if (!this.run.things.has(name)) throw new Error(`nothing has given ${name}`);
        return this.run.things.get(name);
    }

    /** A string, or the text of an object; undefined if it is not there. */
    text(name) {
        const value = this.get(name);
        if (value === null) return undefined;
        return typeof value === 'object' ? JSON.stringify(value) : this.run.resolved(value);
    }

    /** A number or a constant; 0 if it is not there. */
    number(name) {
        return number(this.get(name) ?? 0);
    }

    tensor(place) {
        const found = this.run.input[place.replace(/^@in:/, '')];
        if (!found) throw new Error(`in.safetensors has no ${place}`);
        return found;
    }

    /** The bytes of a file or a tensor. */
    bytes(name) {
        const place = this.get(name);
        if (place.startsWith('@file:')) return fs.readFileSync(this.run.resolved(place.slice('@file:'.length)));
        const { data } = this.tensor(place);
        return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }

    /** Makes a long call, off the main thread or on it. */
    async long(target, method, ...parameters) {
        return this.run.sync ? target[`${method}Sync`](...parameters) : target[method](...parameters);
    }

    /** Runs the step; throws what is not as it should be. */
    async perform() {
        const { step, run } = this;
        if (step.native === false) return;
        const call = calls[step.call];
        if (!call) throw new Error('this runner does not know the function');
        run.heard = 0;
        let reply;
        try {
            reply = await call(this);
        } catch (error) {
            if (!(error instanceof GromaError) || !step.fails) throw error;
            this.failed(error);
            return;
        }
        if (step.fails) throw new Error(`it works, expected ${step.fails.status}`);
        this.accept(reply ?? {});
    }

    failed(error) {
        const { status, message_contains: part, subject_ends_with: end } = this.step.fails;
        if (error.code !== status) throw new Error(`it fails with ${error.code} (${error.message}), expected ${status}`);
        if (part !== undefined && !error.message.includes(this.run.resolved(part))) {
            throw new Error(`its message is ${error.message}, expected ${part} in it`);
        }
        if (end !== undefined && !error.subject?.endsWith(this.run.resolved(end))) {
            throw new Error(`its subject is ${error.subject}, expected it to end with ${end}`);
        }
        if (this.step.gives?.error) this.run.things.set(this.step.gives.error, error);
    }

    accept({ gives = {}, says, fields = {} }) {
        const { step, run } = this;
        const options = typeof step.options === 'string' ? this.thing('options') : null;
        if (options?.progress && run.heard === 0) throw new Error('the progress function was not called');
        for (const [parameter, variable] of Object.entries(step.gives ?? {})) {
            if (!(parameter in gives)) throw new Error(`it does not give ${parameter}`);
            run.things.set(variable, gives[parameter]);
        }
        if (step.logs && !run.log.some(message => message.includes(step.logs))) {
            throw new Error(`the log does not say ${step.logs}, but ${JSON.stringify(run.log)}`);
        }
        for (const [field, value] of Object.entries(step.expect_defaults ?? {})) {
            // What C alone has is left out.
            if (['struct_size', 'reserved', 'progress_user'].includes(field)) continue;
            if (!(field in fields)) throw new Error(`there is no field ${field}`);
            this.subset(constant(value), fields[field], `/${field}`);
        }
        if ('expect' in step) {
            if (says === undefined) throw new Error('it says nothing that could be compared');
            this.compare(step.expect, says);
        }
    }

    compare(expected, found) {
        if (expected?.tensor !== undefined) {
            const wanted = this.run.output[expected.tensor.replace(/^@out:/, '')];
            if (!wanted) throw new Error(`out.safetensors has no ${expected.tensor}`);
            if (found?.dtype === undefined) throw new Error(`it gives ${found}, expected an array`);
            tensors.compare(found, wanted, expected.tolerance ?? 0);
        } else if (expected?.json !== undefined) {
            this.subset(expected.json, typeof found === 'string' ? JSON.parse(found) : found, '');
        } else if (Array.isArray(expected)) {
            this.subset(expected, found, '');
        } else if (!this.matches(expected, found)) {
            throw new Error(`it gives ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
        }
    }

    matches(expected, found) {
        if (expected === null || typeof expected !== 'object') {
            const plain = typeof expected === 'string' && typeof found !== 'string' ? constant(expected) : expected;
            return same(typeof plain === 'string' ? this.run.resolved(plain) : plain, found);
        }
        if (expected.contains !== undefined) {
            return (typeof found === 'string' ? found : JSON.stringify(found)).includes(this.run.resolved(expected.contains));
        }
        if (expected.not_null) return found !== null;
        if (expected.at_least !== undefined) return found >= expected.at_least;
        if (expected.approx !== undefined) return Math.abs(found - expected.approx) <= expected.tolerance;
        throw new Error(`${JSON.stringify(expected)} is no expectation`);
    }

    /** Throws unless everything that is expected is there. */
    subset(expected, found, place) {
        const refuse = () => {
            throw new Error(`it has ${JSON.stringify(found)} at ${place}, expected ${JSON.stringify(expected)}`);
        };
        if (Array.isArray(expected)) {
            if (!Array.isArray(found) || found.length !== expected.length) refuse();
            for (const [i, value] of expected.entries()) this.subset(value, found[i], `${place}/${i}`);
        } else if (expected !== null && typeof expected === 'object') {
            if (found === null || typeof found !== 'object') refuse();
            for (const [key, value] of Object.entries(expected)) {
                if (!(key in found)) throw new Error(`there is no ${place}/${key}`);
                this.subset(value, found[key], `${place}/${key}`);
            }
        } else if (!same(typeof expected === 'string' ? this.run.resolved(expected) : expected, found)) {
            refuse();
        }
    }
}

const constant = value => (typeof value === 'string' && value in constants ? constants[value] : value);

function number(value) {
    const found = constant(value);
    if (typeof found !== 'number') throw new Error(`${value} is no number`);
    return found;
}

/** Whether plain values are equal: numbers to nine digits, flags as 0 and 1. */
function same(expected, found) {
    if (expected === found) return true;
    const plain = typeof found === 'boolean' || typeof found === 'bigint' ? Number(found) : found;
    if (typeof expected === 'number' && typeof plain === 'number') {
        return Math.abs(expected - plain) <= 1e-9 * Math.max(Math.abs(expected), Math.abs(plain));
    }
    return false;
}

/** Runs all steps; the first that goes wrong is thrown. */
async function runCase(parameters) {
    const run = new Run(parameters);
    try {
        for (const [i, step] of parameters.steps.entries()) {
            try {
                await new Step(run, step).perform();
            } catch (error) {
                error.message = `step ${i} ${step.call}: ${error.message}`;
                throw error;
            }
        }
    } finally {
        run.close();
    }
}

module.exports = { runCase };
