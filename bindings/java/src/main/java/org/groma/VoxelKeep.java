// The point that stands for a voxel.
package org.groma;

/** The point that stands for a voxel. */
public enum VoxelKeep {
    /** The mean position, with the attributes of the point nearest to it. */
    CENTROID(Low.GROMA_VOXEL_CENTROID),
    /** The point nearest to the centre. */
    CENTER(Low.GROMA_VOXEL_CENTER),
    /** The first point. */
    FIRST(Low.GROMA_VOXEL_FIRST);

    /** The number of the C interface. */
    public final int number;

    VoxelKeep(int number) {
        this.number = number;
    }

    static VoxelKeep of(int number) {
        for (VoxelKeep voxelKeep : values()) {
            if (voxelKeep.number == number) return voxelKeep;
        }
        throw new IllegalStateException("no VoxelKeep has the number " + number);
    }
}
