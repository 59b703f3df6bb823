// What a value is.
package org.groma;

/** What a value is. */
public enum Kind {
    /** An array of one element type, strings included. */
    TENSOR(Low.GROMA_KIND_TENSOR),
    /** A sequence of values. */
    SEQUENCE(Low.GROMA_KIND_SEQUENCE),
    /** An optional without a value. */
    NONE(Low.GROMA_KIND_NONE),
    /** Keys and values. */
    MAP(Low.GROMA_KIND_MAP);

    /** The number of the C interface. */
    public final int number;

    Kind(int number) {
        this.number = number;
    }

    static Kind of(int number) {
        for (Kind kind : values()) {
            if (kind.number == number) return kind;
        }
        throw new IllegalStateException("no Kind has the number " + number);
    }
}
