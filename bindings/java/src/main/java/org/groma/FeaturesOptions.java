// How to compute features.
package org.groma;

import com.sun.jna.Pointer;

/** How to compute features. New options hold the defaults of the library. */
public final class FeaturesOptions extends LongOptions<FeaturesOptions> {
    private final Low.groma_features_options_t raw;
    private String device;
    private String dtm;

    /** Options with the defaults of the library. */
    public FeaturesOptions() {
        Groma.load();
        raw = new Low.groma_features_options_t();
        Low.groma_features_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public FeaturesOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** The neighbour search. Default {@link Search#AUTO}. */
    public Search search() {
        return Search.of(raw.search);
    }

    /** Sets {@link #search()}. */
    public FeaturesOptions search(Search search) {
        raw.search = search.number;
        return this;
    }

    /** Edge length in metres of the blocks that bound the memory; 0 (the default) for all points at once. */
    public double blockSizeM() {
        return raw.block_size_m;
    }

    /** Sets {@link #blockSizeM()}. */
    public FeaturesOptions blockSizeM(double blockSizeM) {
        raw.block_size_m = blockSizeM;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public FeaturesOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Path of a terrain model where features say {@code ground: dtm}; null (the default) for none. */
    public String dtm() {
        return dtm;
    }

    /** Sets {@link #dtm()}. */
    public FeaturesOptions dtm(String dtm) {
        this.dtm = dtm;
        return this;
    }

    /** Where they are computed: {@code cpu}, {@code auto}, {@code cuda}, {@code cuda:0}, {@code all}; null (the default) for {@code cpu}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public FeaturesOptions device(String device) {
        this.device = device;
        return this;
    }

    static Pointer write(FeaturesOptions options, Call call, Cancel own) {
        call.watch(options, own);
        FeaturesOptions given = options == null ? new FeaturesOptions() : options;
        Low.groma_features_options_t raw = call.copy(given.raw, Low.groma_features_options_t::new);
        raw.dtm = call.text(given.dtm);
        raw.device = call.text(given.device);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
