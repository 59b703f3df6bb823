// Enumerations: words in JavaScript (`kdTree`), constants in C (`GROMA_SEARCH_KD_TREE`).

'use strict';

const { constants } = require('./library.js');
const { invalid } = require('./error.js');
const { whole } = require('./whole.js');

const camel = words => words.toLowerCase().replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** The words of constants that begin with GROMA_PREFIX_, with their numbers. */
function enumeration(prefix) {
    const begin = `GROMA_${prefix}_`;
    const members = Object.entries(constants).filter(([name]) => name.startsWith(begin));
    const numbers = new Map(members.map(([name, number]) => [camel(name.slice(begin.length)), number]));
    const words = new Map([...numbers].map(([word, number]) => [number, word]));
    return {
        /** The number of a word; numbers stay, so that new ones can be said. */
        number(value, what) {
            if (typeof value === 'number') return whole(value, what, 'Int32');
            if (numbers.has(value)) return numbers.get(value);
            throw invalid(`${what} is ${String(value)}; it must be one of ${[...numbers.keys()].join(', ')}`);
        },
        /** The word of a number; a number that is not known stays. */
        word: number => words.get(number) ?? number,
    };
}

module.exports = {
    combines: enumeration('ENSEMBLE'),
    elements: enumeration('TYPE'),
    filters: enumeration('FILTER'),
    heights: enumeration('HEIGHT'),
    kinds: enumeration('KIND'),
    levels: enumeration('LOG'),
    neighborsOutputs: enumeration('NEIGHBORS'),
    optimizations: enumeration('OPTIMIZATION'),
    outputs: enumeration('OUTPUT'),
    searches: enumeration('SEARCH'),
    sections: enumeration('SECTION'),
    stages: enumeration('STAGE'),
    voxels: enumeration('VOXEL'),
};
