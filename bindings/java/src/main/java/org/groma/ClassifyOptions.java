// How to classify.
package org.groma;

import com.sun.jna.Pointer;

/** How to classify. New options hold the defaults of the library. */
public final class ClassifyOptions extends LongOptions<ClassifyOptions> {
    private final Low.groma_classify_options_t raw;
    private byte[] keepClasses;
    private String dtm;

    /** Options with the defaults of the library. */
    public ClassifyOptions() {
        Groma.load();
        raw = new Low.groma_classify_options_t();
        Low.groma_classify_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public ClassifyOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** The neighbour search. Default {@link Search#AUTO}. */
    public Search search() {
        return Search.of(raw.search);
    }

    /** Sets {@link #search()}. */
    public ClassifyOptions search(Search search) {
        raw.search = search.number;
        return this;
    }

    /** Whether to give all probabilities too: in results, and as one extra dimension a class in files. Default no. */
    public boolean probabilities() {
        return raw.probabilities != 0;
    }

    /** Sets {@link #probabilities()}. */
    public ClassifyOptions probabilities(boolean probabilities) {
        raw.probabilities = probabilities ? 1 : 0;
        return this;
    }

    /** Whether files get the extra dimension {@code confidence} (one byte, 0...255 for 0...1). Default yes. */
    public boolean writeConfidence() {
        return raw.write_confidence != 0;
    }

    /** Sets {@link #writeConfidence()}. */
    public ClassifyOptions writeConfidence(boolean writeConfidence) {
        raw.write_confidence = writeConfidence ? 1 : 0;
        return this;
    }

    /** Whether files get the extra dimension {@code entropy} (float, nats). Default yes. */
    public boolean writeEntropy() {
        return raw.write_entropy != 0;
    }

    /** Sets {@link #writeEntropy()}. */
    public ClassifyOptions writeEntropy(boolean writeEntropy) {
        raw.write_entropy = writeEntropy ? 1 : 0;
        return this;
    }

    /** Point format of the output file; -1 (the default) for that of the input. */
    public int pointFormat() {
        return raw.point_format;
    }

    /** Sets {@link #pointFormat()}. */
    public ClassifyOptions pointFormat(int pointFormat) {
        raw.point_format = pointFormat;
        return this;
    }

    /** Whether to replace an output that exists. Default no. */
    public boolean overwrite() {
        return raw.overwrite != 0;
    }

    /** Sets {@link #overwrite()}. */
    public ClassifyOptions overwrite(boolean overwrite) {
        raw.overwrite = overwrite ? 1 : 0;
        return this;
    }

    /** Edge length of a block in metres; 0 (the default) for that of the manifest. */
    public double blockSizeM() {
        return raw.block_size_m;
    }

    /** Sets {@link #blockSizeM()}. */
    public ClassifyOptions blockSizeM(double blockSizeM) {
        raw.block_size_m = blockSizeM;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public ClassifyOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** ASPRS classes that keep their label (noise, say); null (the default) for none. */
    public byte[] keepClasses() {
        return keepClasses == null ? null : keepClasses.clone();
    }

    /** Sets {@link #keepClasses()}. */
    public ClassifyOptions keepClasses(byte[] keepClasses) {
        this.keepClasses = keepClasses == null ? null : keepClasses.clone();
        return this;
    }

    /** Path of a terrain model where features say {@code ground: dtm}; null (the default) for none. */
    public String dtm() {
        return dtm;
    }

    /** Sets {@link #dtm()}. */
    public ClassifyOptions dtm(String dtm) {
        this.dtm = dtm;
        return this;
    }

    static Pointer write(ClassifyOptions options, Call call, Cancel own) {
        call.watch(options, own);
        ClassifyOptions given = options == null ? new ClassifyOptions() : options;
        Low.groma_classify_options_t raw = call.copy(given.raw, Low.groma_classify_options_t::new);
        raw.keep_classes = given.keepClasses == null ? null : call.bytes(given.keepClasses);
        raw.keep_class_count = given.keepClasses == null ? 0 : given.keepClasses.length;
        raw.dtm = call.text(given.dtm);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
