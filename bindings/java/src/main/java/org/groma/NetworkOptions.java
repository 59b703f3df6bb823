// How to open a network.
package org.groma;

import com.sun.jna.Pointer;
import java.util.List;

/** How to open a network. New options hold the defaults of the library. */
public final class NetworkOptions {
    private final Low.groma_network_options_t raw;
    private String device;
    private String checkpoint;
    private List<String> extraOutputs;

    /** Options with the defaults of the library. */
    public NetworkOptions() {
        Groma.load();
        raw = new Low.groma_network_options_t();
        Low.groma_network_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Threads of one run; the default is the library's. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public NetworkOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** How much the network is rewritten before it runs. Default {@link Optimization#ALL}. */
    public Optimization optimization() {
        return Optimization.of(raw.optimization);
    }

    /** Sets {@link #optimization()}. */
    public NetworkOptions optimization(Optimization optimization) {
        raw.optimization = optimization.number;
        return this;
    }

    /** Where the network runs: {@code auto} or {@code cpu}; null (the default) for {@code auto}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public NetworkOptions device(String device) {
        this.device = device;
        return this;
    }

    /** Path of a safetensors file whose weights replace those of the network; null (the default) for none. */
    public String checkpoint() {
        return checkpoint;
    }

    /** Sets {@link #checkpoint()}. */
    public NetworkOptions checkpoint(String checkpoint) {
        this.checkpoint = checkpoint;
        return this;
    }

    /** Names of intermediate tensors that become outputs too; null (the default) for none. */
    public List<String> extraOutputs() {
        return extraOutputs;
    }

    /** Sets {@link #extraOutputs()}. */
    public NetworkOptions extraOutputs(List<String> extraOutputs) {
        this.extraOutputs = extraOutputs;
        return this;
    }

    static Pointer write(NetworkOptions options, Call call) {
        if (options == null) return null;
        NetworkOptions given = options;
        Low.groma_network_options_t raw = call.copy(given.raw, Low.groma_network_options_t::new);
        raw.device = call.text(given.device);
        raw.checkpoint = call.text(given.checkpoint);
        raw.extra_outputs = call.texts(given.extraOutputs);
        raw.extra_output_count = given.extraOutputs == null ? 0 : given.extraOutputs.size();
        return call.write(raw);
    }
}
