// How much ONNX Runtime rewrites a network before it runs.
package org.groma;

/** How much ONNX Runtime rewrites a network before it runs. */
public enum Optimization {
    /** All it can. */
    ALL(Low.GROMA_OPTIMIZATION_ALL),
    /** Nothing. */
    NONE(Low.GROMA_OPTIMIZATION_NONE),
    /** What keeps the operators. */
    BASIC(Low.GROMA_OPTIMIZATION_BASIC),
    /** Fusions too. */
    EXTENDED(Low.GROMA_OPTIMIZATION_EXTENDED);

    /** The number of the C interface. */
    public final int number;

    Optimization(int number) {
        this.number = number;
    }

    static Optimization of(int number) {
        for (Optimization optimization : values()) {
            if (optimization.number == number) return optimization;
        }
        throw new IllegalStateException("no Optimization has the number " + number);
    }
}
