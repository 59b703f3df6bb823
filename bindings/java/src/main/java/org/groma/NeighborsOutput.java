// The arrays of Neighbors.
package org.groma;

/** The arrays of {@link Neighbors}. */
public enum NeighborsOutput {
    /** Where the entries of each point begin: U64 {@code [count + 1]}. */
    OFFSETS(Low.GROMA_NEIGHBORS_OFFSETS),
    /** Rows of the neighbours: U32 {@code [total]}. */
    INDICES(Low.GROMA_NEIGHBORS_INDICES),
    /** Distances in metres: F32 {@code [total]}. */
    DISTANCES(Low.GROMA_NEIGHBORS_DISTANCES);

    /** The number of the C interface. */
    public final int number;

    NeighborsOutput(int number) {
        this.number = number;
    }
}
