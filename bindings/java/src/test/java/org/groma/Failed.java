// A step of a vector case, or a test, was not as it should be.
package org.groma;

/** What a check found. */
final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1;

    Failed(String message) {
        super(message);
    }
}
