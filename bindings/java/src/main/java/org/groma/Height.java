// From what heights above ground are measured.
package org.groma;

/** From what heights above ground are measured. */
public enum Height {
    /** No heights. */
    NONE(Low.GROMA_HEIGHT_NONE),
    /** The ground point nearest in plan. */
    NEAREST(Low.GROMA_HEIGHT_NEAREST),
    /** The 8 ground points nearest in plan, weighted by the inverse of their squared distances. */
    IDW(Low.GROMA_HEIGHT_IDW),
    /** The Delaunay triangles of the ground points. */
    TIN(Low.GROMA_HEIGHT_TIN);

    /** The number of the C interface. */
    public final int number;

    Height(int number) {
        this.number = number;
    }

    static Height of(int number) {
        for (Height height : values()) {
            if (height.number == number) return height;
        }
        throw new IllegalStateException("no Height has the number " + number);
    }
}
