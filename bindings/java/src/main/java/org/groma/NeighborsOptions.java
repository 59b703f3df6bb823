// How to search neighbours.
package org.groma;

import com.sun.jna.Pointer;

/** How to search neighbours. New options hold the defaults of the library. */
public final class NeighborsOptions extends LongOptions<NeighborsOptions> {
    private final Low.groma_neighbors_options_t raw;
    private String device;

    /** Options with the defaults of the library. */
    public NeighborsOptions() {
        Groma.load();
        raw = new Low.groma_neighbors_options_t();
        Low.groma_neighbors_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public NeighborsOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** The neighbour search. Default {@link Search#AUTO}. */
    public Search search() {
        return Search.of(raw.search);
    }

    /** Sets {@link #search()}. */
    public NeighborsOptions search(Search search) {
        raw.search = search.number;
        return this;
    }

    /** Of nearest neighbours: those farther than this are left out, in metres; 0 (the default) for none. */
    public double maxDistanceM() {
        return raw.max_distance_m;
    }

    /** Sets {@link #maxDistanceM()}. */
    public NeighborsOptions maxDistanceM(double maxDistanceM) {
        raw.max_distance_m = maxDistanceM;
        return this;
    }

    /** Length of one unit of the coordinates in metres; 0 (the default) for metres. */
    public double linearUnitM() {
        return raw.linear_unit_m;
    }

    /** Sets {@link #linearUnitM()}. */
    public NeighborsOptions linearUnitM(double linearUnitM) {
        raw.linear_unit_m = linearUnitM;
        return this;
    }

    /** Where they are searched: {@code cpu}, {@code auto}, {@code cuda}, {@code cuda:0}; null (the default) for {@code cpu}. */
    public String device() {
        return device;
    }

    /** Sets {@link #device()}. */
    public NeighborsOptions device(String device) {
        this.device = device;
        return this;
    }

    static Pointer write(NeighborsOptions options, Call call, Cancel own) {
        call.watch(options, own);
        NeighborsOptions given = options == null ? new NeighborsOptions() : options;
        Low.groma_neighbors_options_t raw = call.copy(given.raw, Low.groma_neighbors_options_t::new);
        raw.device = call.text(given.device);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
