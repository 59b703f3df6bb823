// How to write features of a file.
package org.groma;

import com.sun.jna.Pointer;

/** How to write features of a file. New options hold the defaults of the library. */
public final class FeaturesFileOptions extends LongOptions<FeaturesFileOptions> {
    private final Low.groma_features_file_options_t raw;
    private String device;
    private String dtm;

    /** Options with the defaults of the library. */
    public FeaturesFileOptions() {
        Groma.load();
        raw = new Low.groma_features_file_options_t();
        Low.groma_features_file_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public FeaturesFileOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** The neighbour search. Default {@link Search#AUTO}. */
    public Search search() {
        return Search.of(raw.search);
    }

    /** Sets {@link #search()}. */
    public FeaturesFileOptions search(Search search) {
        raw.search = search.number;
        return this;
    }

    /** Point format of the output file; -1 (the default) for that of the input. */
    public int pointFormat() {
        return raw.point_format;
    }

    /** Sets {@link #pointFormat()}. */
    public FeaturesFileOptions pointFormat(int pointFormat) {
        raw.point_format = pointFormat;
        return this;
    }

    /** Whether to replace an output that exists. Default no. */
    public boolean overwrite() {
        return raw.overwrite != 0;
    }

    /** Sets {@link #overwrite()}. */
    public FeaturesFileOptions overwrite(boolean overwrite) {
        raw.overwrite = overwrite ? 1 : 0;
        return this;
    }

    /** Edge length in metres of the blocks; 0 (the default) for about a million points each. */
    public double blockSizeM() {
        return raw.block_size_m;
    }

    /** Sets {@link #blockSizeM()}. */
    public FeaturesFileOptions blockSizeM(double blockSizeM) {
        raw.block_size_m = blockSizeM;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public FeaturesFileOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Path of a terrain model where features say {@code ground: dtm}; null (the default) for none. */
    public String dtm() {
        return dtm;
    }

    /** Sets {@link #dtm()}. */
    public FeaturesFileOptions dtm(String dtm) {
        this.dtm = dtm;
        return this;
    }

    /** Where they are computed: {@code cpu}, {@code auto}, {@code cuda}, {@code cuda:0}, {@code all}; null (the default) for {@code cpu}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public FeaturesFileOptions device(String device) {
        this.device = device;
        return this;
    }

    static Pointer write(FeaturesFileOptions options, Call call, Cancel own) {
        call.watch(options, own);
        FeaturesFileOptions given = options == null ? new FeaturesFileOptions() : options;
        Low.groma_features_file_options_t raw = call.copy(given.raw, Low.groma_features_file_options_t::new);
        raw.dtm = call.text(given.dtm);
        raw.device = call.text(given.device);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
