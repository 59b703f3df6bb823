// How to filter. What another filter than the one asked for would read is ignored.
package org.groma;

import com.sun.jna.Pointer;

/**
 * How to filter. What another filter than the one asked for would read is ignored. New options hold the defaults of the
 * library.
 */
public final class FilterOptions extends LongOptions<FilterOptions> {
    private final Low.groma_filter_options_t raw;
    private String device;

    /** Options with the defaults of the library. */
    public FilterOptions() {
        Groma.load();
        raw = new Low.groma_filter_options_t();
        Low.groma_filter_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public FilterOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** Of outliers: the neighbour search. Default {@link Search#AUTO}. */
    public Search search() {
        return Search.of(raw.search);
    }

    /** Sets {@link #search()}. */
    public FilterOptions search(Search search) {
        raw.search = search.number;
        return this;
    }

    /** Of voxels: the point that stands for each. Default {@link VoxelKeep#CENTROID}. */
    public VoxelKeep voxelKeep() {
        return VoxelKeep.of(raw.voxel_keep);
    }

    /** Sets {@link #voxelKeep()}. */
    public FilterOptions voxelKeep(VoxelKeep voxelKeep) {
        raw.voxel_keep = voxelKeep.number;
        return this;
    }

    /** Of outliers in files: whether all points stay and outliers become class 7. Default no. */
    public boolean mark() {
        return raw.mark != 0;
    }

    /** Sets {@link #mark()}. */
    public FilterOptions mark(boolean mark) {
        raw.mark = mark ? 1 : 0;
        return this;
    }

    /** Whether to replace an output that exists. Default no. */
    public boolean overwrite() {
        return raw.overwrite != 0;
    }

    /** Sets {@link #overwrite()}. */
    public FilterOptions overwrite(boolean overwrite) {
        raw.overwrite = overwrite ? 1 : 0;
        return this;
    }

    /** Of outliers: others that a point is compared with (20 by default) or needs (2); 0 for the default. */
    public long neighbors() {
        return raw.neighbors;
    }

    /** Sets {@link #neighbors()}. */
    public FilterOptions neighbors(long neighbors) {
        raw.neighbors = neighbors;
        return this;
    }

    /** Of statistical outliers: standard deviations above the mean that are still usual. Default 2. */
    public double multiplier() {
        return raw.multiplier;
    }

    /** Sets {@link #multiplier()}. */
    public FilterOptions multiplier(double multiplier) {
        raw.multiplier = multiplier;
        return this;
    }

    /** Of radius outliers: distance within which others count, in metres. Default 1. */
    public double radiusM() {
        return raw.radius_m;
    }

    /** Sets {@link #radiusM()}. */
    public FilterOptions radiusM(double radiusM) {
        raw.radius_m = radiusM;
        return this;
    }

    /** Edge of a voxel in metres. Default 0.5. */
    public double voxelSizeM() {
        return raw.voxel_size_m;
    }

    /** Sets {@link #voxelSizeM()}. */
    public FilterOptions voxelSizeM(double voxelSizeM) {
        raw.voxel_size_m = voxelSizeM;
        return this;
    }

    /** Of farthest and random points: how many; 0 (the default) to say {@link #fraction()} instead. */
    public long count() {
        return raw.count;
    }

    /** Sets {@link #count()}. */
    public FilterOptions count(long count) {
        raw.count = count;
        return this;
    }

    /** Of farthest and random points: which share, 0 to 1; 0 (the default) to say {@link #count()} instead. */
    public double fraction() {
        return raw.fraction;
    }

    /** Sets {@link #fraction()}. */
    public FilterOptions fraction(double fraction) {
        raw.fraction = fraction;
        return this;
    }

    /** Of farthest points: row of the first; -1 (the default) for the one farthest from the centroid. */
    public long startRow() {
        return raw.start_row;
    }

    /** Sets {@link #startRow()}. */
    public FilterOptions startRow(long startRow) {
        raw.start_row = startRow;
        return this;
    }

    /** Of random points: equal seeds draw equal rows. Default 0. */
    public long seed() {
        return raw.seed;
    }

    /** Sets {@link #seed()}. */
    public FilterOptions seed(long seed) {
        raw.seed = seed;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public FilterOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Where points are chosen: {@code cpu}, {@code auto}, {@code cuda}, {@code cuda:0}; null (the default) for {@code cpu}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public FilterOptions device(String device) {
        this.device = device;
        return this;
    }

    static Pointer write(FilterOptions options, Call call, Cancel own) {
        call.watch(options, own);
        FilterOptions given = options == null ? new FilterOptions() : options;
        Low.groma_filter_options_t raw = call.copy(given.raw, Low.groma_filter_options_t::new);
        raw.device = call.text(given.device);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
