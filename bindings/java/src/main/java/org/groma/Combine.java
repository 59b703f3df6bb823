// How the members of an ensemble answer together.
package org.groma;

/** How the members of an ensemble answer together. */
public enum Combine {
    /** The weighted mean of the probabilities. */
    MEAN(Low.GROMA_ENSEMBLE_MEAN),
    /** Weighted votes; the confidence is the share of the votes. */
    VOTE(Low.GROMA_ENSEMBLE_VOTE),
    /** The member whose block size is nearest to that of the call answers alone. */
    SCALE(Low.GROMA_ENSEMBLE_SCALE);

    /** The number of the C interface. */
    public final int number;

    Combine(int number) {
        this.number = number;
    }
}
