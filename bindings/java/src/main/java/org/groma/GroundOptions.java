// What ground is, and what becomes of it. Parameters are those of SMRF with a bound on its slope tolerance.
package org.groma;

import com.sun.jna.Pointer;

/**
 * What ground is, and what becomes of it. Parameters are those of SMRF with a bound on its slope tolerance. New options hold
 * the defaults of the library.
 */
public final class GroundOptions extends LongOptions<GroundOptions> {
    private final Low.groma_ground_options_t raw;
    private byte[] ignoreClasses;
    private String dtm;

    /** Options with the defaults of the library. */
    public GroundOptions() {
        Groma.load();
        raw = new Low.groma_ground_options_t();
        Low.groma_ground_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public GroundOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** Heights above ground; in files the extra dimension {@code height_above_ground}. Default none. */
    public Height height() {
        return Height.of(raw.height);
    }

    /** Sets {@link #height()}. */
    public GroundOptions height(Height height) {
        raw.height = height.number;
        return this;
    }

    /** Whether points that are not ground keep their class (2 becomes 1). Default no: all become class 1. */
    public boolean keepOthers() {
        return raw.keep_others != 0;
    }

    /** Sets {@link #keepOthers()}. */
    public GroundOptions keepOthers(boolean keepOthers) {
        raw.keep_others = keepOthers ? 1 : 0;
        return this;
    }

    /** Point format of the output file; -1 (the default) for that of the input. */
    public int pointFormat() {
        return raw.point_format;
    }

    /** Sets {@link #pointFormat()}. */
    public GroundOptions pointFormat(int pointFormat) {
        raw.point_format = pointFormat;
        return this;
    }

    /** Whether to replace an output that exists. Default no. */
    public boolean overwrite() {
        return raw.overwrite != 0;
    }

    /** Sets {@link #overwrite()}. */
    public GroundOptions overwrite(boolean overwrite) {
        raw.overwrite = overwrite ? 1 : 0;
        return this;
    }

    /** Edge of the filter's cells in metres; 0 (the default) for two mean point spacings, rounded up. */
    public double cellM() {
        return raw.cell_m;
    }

    /** Sets {@link #cellM()}. */
    public GroundOptions cellM(double cellM) {
        raw.cell_m = cellM;
        return this;
    }

    /** Half-width of the largest opening window in metres. Default 60. */
    public double windowM() {
        return raw.window_m;
    }

    /** Sets {@link #windowM()}. */
    public GroundOptions windowM(double windowM) {
        raw.window_m = windowM;
        return this;
    }

    /** Rise over run that still counts as ground. Default 0.15. */
    public double slope() {
        return raw.slope;
    }

    /** Sets {@link #slope()}. */
    public GroundOptions slope(double slope) {
        raw.slope = slope;
        return this;
    }

    /** A drop of more than this is an object on any slope, in metres. Default 3. */
    public double maxToleranceM() {
        return raw.max_tolerance_m;
    }

    /** Sets {@link #maxToleranceM()}. */
    public GroundOptions maxToleranceM(double maxToleranceM) {
        raw.max_tolerance_m = maxToleranceM;
        return this;
    }

    /** How far above or below the ground a ground point may lie, in metres. Default 0.15. */
    public double toleranceM() {
        return raw.tolerance_m;
    }

    /** Sets {@link #toleranceM()}. */
    public GroundOptions toleranceM(double toleranceM) {
        raw.tolerance_m = toleranceM;
        return this;
    }

    /** What is added to that for a slope of 1, in metres. Default 0.1. */
    public double toleranceSlope() {
        return raw.tolerance_slope;
    }

    /** Sets {@link #toleranceSlope()}. */
    public GroundOptions toleranceSlope(double toleranceSlope) {
        raw.tolerance_slope = toleranceSlope;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public GroundOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Classes that the filter does not see; null (the default) for 7 and 18, noise; empty for none. */
    public byte[] ignoreClasses() {
        return ignoreClasses == null ? null : ignoreClasses.clone();
    }

    /** Sets {@link #ignoreClasses()}. */
    public GroundOptions ignoreClasses(byte[] ignoreClasses) {
        this.ignoreClasses = ignoreClasses == null ? null : ignoreClasses.clone();
        return this;
    }

    /** Path of a GeoTIFF of the ground to write beside a file; null (the default) for none. */
    public String dtm() {
        return dtm;
    }

    /** Sets {@link #dtm()}. */
    public GroundOptions dtm(String dtm) {
        this.dtm = dtm;
        return this;
    }

    /** Edge of its cells in metres; 0 (the default) for 1. */
    public double dtmCellM() {
        return raw.dtm_cell_m;
    }

    /** Sets {@link #dtmCellM()}. */
    public GroundOptions dtmCellM(double dtmCellM) {
        raw.dtm_cell_m = dtmCellM;
        return this;
    }

    static Pointer write(GroundOptions options, Call call, Cancel own) {
        call.watch(options, own);
        GroundOptions given = options == null ? new GroundOptions() : options;
        Low.groma_ground_options_t raw = call.copy(given.raw, Low.groma_ground_options_t::new);
        raw.ignore_classes = given.ignoreClasses == null ? null : call.bytes(given.ignoreClasses);
        raw.ignore_class_count = given.ignoreClasses == null ? 0 : given.ignoreClasses.length;
        raw.dtm = call.text(given.dtm);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
