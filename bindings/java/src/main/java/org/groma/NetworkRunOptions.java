// How to run a network: only what all long calls have.
package org.groma;

import com.sun.jna.Pointer;

/** How to run a network: only what all long calls have. New options hold the defaults of the library. */
public final class NetworkRunOptions extends LongOptions<NetworkRunOptions> {
    private final Low.groma_network_run_options_t raw;

    /** Options with the defaults of the library. */
    public NetworkRunOptions() {
        Groma.load();
        raw = new Low.groma_network_run_options_t();
        Low.groma_network_run_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    static Pointer write(NetworkRunOptions options, Call call, Cancel own) {
        call.watch(options, own);
        // Without a flag and a callback a run costs least.
        if (call.cancel() == null && call.progress() == null) return null;
        NetworkRunOptions given = options == null ? new NetworkRunOptions() : options;
        Low.groma_network_run_options_t raw = call.copy(given.raw, Low.groma_network_run_options_t::new);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
