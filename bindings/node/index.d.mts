// Types of the ESM entry: the names of index.d.ts.

export * from './index.js';
import groma = require('./index.js');
export default groma;
