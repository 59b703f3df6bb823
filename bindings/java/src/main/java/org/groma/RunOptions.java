// How to run over tiles.
package org.groma;

import com.sun.jna.Pointer;

/**
 * How to run over tiles. New options hold the defaults of the library. Threads, progress and flag are those of the call that
 * they are given to; all else is settled when the run is opened.
 */
public final class RunOptions extends LongOptions<RunOptions> {
    private final Low.groma_run_options_t raw;
    private String work;

    /** Options with the defaults of the library. */
    public RunOptions() {
        Groma.load();
        raw = new Low.groma_run_options_t();
        Low.groma_run_options_init(raw.getPointer(), raw.size());
        raw.read();
    }

    /** Whether to keep outputs of an earlier run into the folder that are right. Default no. */
    public boolean resume() {
        return raw.resume != 0;
    }

    /** Sets {@link #resume()}. */
    public RunOptions resume(boolean resume) {
        raw.resume = resume ? 1 : 0;
        return this;
    }

    /** Whether to go on with the other tiles when one fails, instead of finishing those that were begun. Default no. */
    public boolean skipFailed() {
        return raw.skip_failed != 0;
    }

    /** Sets {@link #skipFailed()}. */
    public RunOptions skipFailed(boolean skipFailed) {
        raw.skip_failed = skipFailed ? 1 : 0;
        return this;
    }

    /**
     * Whether to take tiles that state no reference system as being in that of the others. Default no: they are refused.
     */
    public boolean assumeCrs() {
        return raw.assume_crs != 0;
    }

    /** Sets {@link #assumeCrs()}. */
    public RunOptions assumeCrs(boolean assumeCrs) {
        raw.assume_crs = assumeCrs ? 1 : 0;
        return this;
    }

    /** Whether to keep the indices when all tiles are done. Default no. */
    public boolean keepIndex() {
        return raw.keep_index != 0;
    }

    /** Sets {@link #keepIndex()}. */
    public RunOptions keepIndex(boolean keepIndex) {
        raw.keep_index = keepIndex ? 1 : 0;
        return this;
    }

    /** Number of the shard, from 1, of {@link #shardCount()}; 0 (the default) for all tiles. */
    public int shardNumber() {
        return raw.shard_number;
    }

    /** Sets {@link #shardNumber()}. */
    public RunOptions shardNumber(int shardNumber) {
        raw.shard_number = shardNumber;
        return this;
    }

    /** How many shards there are; 0 (the default) for all tiles at once. */
    public int shardCount() {
        return raw.shard_count;
    }

    /** Sets {@link #shardCount()}. */
    public RunOptions shardCount(int shardCount) {
        raw.shard_count = shardCount;
        return this;
    }

    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    public int threads() {
        return raw.threads;
    }

    /** Sets {@link #threads()}. */
    public RunOptions threads(int threads) {
        raw.threads = threads;
        return this;
    }

    /** Folder of the indices; null (the default) for {@code .groma} in that of the outputs. */
    public String work() {
        return work;
    }

    /** Sets {@link #work()}. */
    public RunOptions work(String work) {
        this.work = work;
        return this;
    }

    static Pointer write(RunOptions options, Call call, Cancel own) {
        call.watch(options, own);
        RunOptions given = options == null ? new RunOptions() : options;
        Low.groma_run_options_t raw = call.copy(given.raw, Low.groma_run_options_t::new);
        raw.work = call.text(given.work);
        raw.cancel = call.cancel();
        raw.progress = call.progress();
        return call.write(raw);
    }
}
