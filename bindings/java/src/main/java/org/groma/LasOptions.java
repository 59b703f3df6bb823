// How to read and write LAS files.
package org.groma;

import com.sun.jna.Pointer;

/** How to read and write LAS files. New options hold the defaults of the library. */
public final class LasOptions extends LongOptions<LasOptions> {
    private final Low.groma_las_options_t raw;
    private String crsWkt;

    /** Options with the defaults of the library. */
    public LasOptions() {
        Groma.load();
        raw = new Low.groma_las_options_t();
        Low.groma_las_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public LasOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** Point format to write; -1 (the default) for the one that holds the columns. */
    public int pointFormat() {
        return raw.point_format;
    }

    /** Sets {@link #pointFormat()}. */
    public LasOptions pointFormat(int pointFormat) {
        raw.point_format = pointFormat;
        return this;
    }

    /** Whether to replace an output that exists. Default no. */
    public boolean overwrite() {
        return raw.overwrite != 0;
    }

    /** Sets {@link #overwrite()}. */
    public LasOptions overwrite(boolean overwrite) {
        raw.overwrite = overwrite ? 1 : 0;
        return this;
    }

    /** Reserved; 0. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public LasOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Of writing: the CRS as OGC WKT; null (the default) for none. */
    public String crsWkt() {
        return crsWkt;
    }

    /** Sets {@link #crsWkt()}. */
    public LasOptions crsWkt(String crsWkt) {
        this.crsWkt = crsWkt;
        return this;
    }

    static Pointer write(LasOptions options, Call call, Cancel own) {
        call.watch(options, own);
        LasOptions given = options == null ? new LasOptions() : options;
        Low.groma_las_options_t raw = call.copy(given.raw, Low.groma_las_options_t::new);
        raw.crs_wkt = call.text(given.crsWkt);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
