// How to open a model.
package org.groma;

import com.sun.jna.Pointer;

/** How to open a model. New options hold the defaults of the library. */
public final class ModelOptions {
    private final Low.groma_model_options_t raw;
    private String manifestJson;
    private String checkpoint;
    private String device;

    /** Options with the defaults of the library. */
    public ModelOptions() {
        Groma.load();
        raw = new Low.groma_model_options_t();
        Low.groma_model_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** A manifest that replaces the one of the file; null (the default) for that. */
    public String manifestJson() {
        return manifestJson;
    }

    /** Sets {@link #manifestJson()}. */
    public ModelOptions manifestJson(String manifestJson) {
        this.manifestJson = manifestJson;
        return this;
    }

    /** Path of a safetensors file whose weights replace those of the model; null (the default) for none. */
    public String checkpoint() {
        return checkpoint;
    }

    /** Sets {@link #checkpoint()}. */
    public ModelOptions checkpoint(String checkpoint) {
        this.checkpoint = checkpoint;
        return this;
    }

    /** Where the model runs: {@code auto} or {@code cpu}; null (the default) for {@code auto}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public ModelOptions device(String device) {
        this.device = device;
        return this;
    }

    static Pointer write(ModelOptions options, Call call) {
        if (options == null) return null;
        ModelOptions given = options;
        Low.groma_model_options_t raw = call.copy(given.raw, Low.groma_model_options_t::new);
        raw.manifest_json = call.text(given.manifestJson);
        raw.checkpoint = call.text(given.checkpoint);
        raw.device = call.text(given.device);
        return call.write(raw);
    }
}
