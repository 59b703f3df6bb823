// Which points a filter leaves.
package org.groma;

/** Which points a filter leaves. */
public enum Filter {
    /** Those whose mean distance to neighbours is usual. */
    STATISTICAL(Low.GROMA_FILTER_STATISTICAL),
    /** Those with enough others within a distance. */
    RADIUS(Low.GROMA_FILTER_RADIUS),
    /** One for each occupied cube. */
    VOXEL(Low.GROMA_FILTER_VOXEL),
    /** Each the one farthest from those before it. */
    FARTHEST(Low.GROMA_FILTER_FARTHEST),
    /** By chance. */
    RANDOM(Low.GROMA_FILTER_RANDOM);

    /** The number of the C interface. */
    public final int number;

    Filter(int number) {
        this.number = number;
    }
}
