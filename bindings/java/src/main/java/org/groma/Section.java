// The parts of a Checkpoint.
package org.groma;

/** The parts of a {@link Checkpoint}. */
public enum Section {
    /** Weights of the model. */
    WEIGHTS(Low.GROMA_SECTION_WEIGHTS),
    /** State of the optimizer. */
    OPTIMIZER(Low.GROMA_SECTION_OPTIMIZER),
    /** State of the schedule. */
    SCHEDULER(Low.GROMA_SECTION_SCHEDULER);

    /** The number of the C interface. */
    public final int number;

    Section(int number) {
        this.number = number;
    }
}
