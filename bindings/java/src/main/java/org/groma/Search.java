// How neighbours are searched. The result does not depend on it.
package org.groma;

/** How neighbours are searched. The result does not depend on it. */
public enum Search {
    /** Chosen from the cloud. */
    AUTO(Low.GROMA_SEARCH_AUTO),
    /** A row-contiguous grid: airborne clouds. */
    GRID(Low.GROMA_SEARCH_GRID),
    /** A k-d tree: terrestrial and very uneven clouds. */
    KD_TREE(Low.GROMA_SEARCH_KD_TREE);

    /** The number of the C interface. */
    public final int number;

    Search(int number) {
        this.number = number;
    }

    static Search of(int number) {
        for (Search search : values()) {
            if (search.number == number) return search;
        }
        throw new IllegalStateException("no Search has the number " + number);
    }
}
