// The arrays of a Result.
package org.groma;

/** The arrays of a {@link Result}. */
public enum Output {
    /** Indices into the model's classes: U8 {@code [count]}. */
    CLASS(Low.GROMA_OUTPUT_CLASS),
    /** ASPRS codes: U8 {@code [count]}. */
    ASPRS(Low.GROMA_OUTPUT_ASPRS),
    /** Probabilities of the points' classes: F32 {@code [count]}. */
    CONFIDENCE(Low.GROMA_OUTPUT_CONFIDENCE),
    /** Entropies in nats: F32 {@code [count]}. */
    ENTROPY(Low.GROMA_OUTPUT_ENTROPY),
    /** All probabilities: F32 {@code [count, classes]}. */
    PROBABILITIES(Low.GROMA_OUTPUT_PROBABILITIES);

    /** The number of the C interface. */
    public final int number;

    Output(int number) {
        this.number = number;
    }
}
