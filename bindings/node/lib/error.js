// What a failed call throws.

'use strict';

const { constants, low } = require('./library.js');

/** What a failed call throws, or rejects with. */
class GromaError extends Error {
    constructor(status, message, subject = null, options = undefined) {
        super(message, options);
        /** The number of the status, a `GROMA_STATUS_...`. */
        this.status = status;
        /** Its name, such as `NOT_FOUND`; `CLOSED` for the use of a closed handle. */
        this.code = low.groma_status_name(status);
        /** The file, column, tensor, model or device concerned; null if there is none. */
        this.subject = subject;
    }
}
GromaError.prototype.name = 'GromaError';

/** Throws for a call that failed; takes its C error over. */
function check(status, error, cause) {
    if (status === constants.GROMA_STATUS_OK) return;
    throw failure(status, error, cause);
}

function failure(status, error, cause) {
    const pointer = error[0];
    const message = (pointer && low.groma_error_message(pointer)) || `groma: ${low.groma_status_name(status)}`;
    const subject = pointer ? low.groma_error_subject(pointer) : null;
    low.groma_error_destroy(pointer);
    return new GromaError(status, message, subject, cause === undefined ? undefined : { cause });
}

/** An argument that this package refuses itself. */
function invalid(message) {
    return new GromaError(constants.GROMA_STATUS_INVALID_ARGUMENT, message);
}

/** A string for C, which ends at the first NUL. */
function textOf(value, what) {
    if (typeof value !== 'string') throw invalid(`${what} must be a string, not ${String(value)}`);
    if (value.includes('\0')) throw invalid(`${what} holds a NUL character`);
    return value;
}

function closed(kind) {
    const error = invalid(`the ${kind} is closed`);
    error.code = 'CLOSED';
    return error;
}

module.exports = { GromaError, check, closed, failure, invalid, textOf };
