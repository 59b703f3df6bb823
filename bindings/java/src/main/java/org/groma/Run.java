// Runs over tiles: classified as one survey, at once or tile by tile.
package org.groma;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * A run over tiles into a folder: each point gets the class that one file of all tiles would have given it. Outputs have the
 * names of their inputs and appear whole or not at all. Any number of threads may use it; processes that share the folder may
 * each make some tiles: {@link #index} all, then {@link #make} any.
 */
public final class Run extends NativeObject {
    private Run(Resource resource) {
        super(resource);
    }

    /**
     * Looks at the headers of tiles; none is read yet.
     *
     * @param model the model
     * @param inputs files, folders or patterns ({@code north_*.laz})
     * @param output the folder for the outputs
     * @param classify what is written; null for the defaults
     * @param options null for the defaults
     */
    public static Run open(Model model, List<String> inputs, String output, ClassifyOptions classify, RunOptions options) {
        try (Call call = new Call()) {
            Pointer with = call.use(model);
            Pointer lines = call.text(String.join("\n", inputs));
            Pointer folder = call.text(output);
            Pointer written = ClassifyOptions.write(classify, call, null);
            Pointer settings = RunOptions.write(options, call, null);
            return new Run(call.make(Low::groma_run_destroy, (run, error) ->
                    Low.groma_run_open(with, lines, folder, written, settings, run, error)));
        }
    }

    /** Number of tiles, those of other shards included. */
    public long tileCount() {
        return number(Low::groma_run_tile_count);
    }

    /** Reference system, remarks, and tiles with input, output, bounds and points, as a JSON object. */
    public String describe() {
        try (Call call = new Call()) {
            Pointer run = call.use(this);
            return call.string((json, error) -> Low.groma_run_describe(run, json, error));
        }
    }

    /**
     * Makes the index of a tile, if it is not there.
     *
     * @param tile from 0
     * @param options null for the defaults
     */
    public void index(long tile, RunOptions options) {
        Call.run(call -> indexing(call, tile, options, null));
    }

    /**
     * Ends a run whose tiles were made by {@link #make}, once nobody is at work on them: removes what makers that were lost left in
     * the folder and, if all outputs are there, the larger part of the indices.
     */
    public void finish() {
        Call.run(call -> {
            Pointer run = call.use(this);
            return () -> {
                call.act(error -> Low.groma_run_finish(run, error));
                return null;
            };
        });
    }

    private Supplier<Void> indexing(Call call, long tile, RunOptions options, Cancel cancel) {
        Pointer run = call.use(this);
        Pointer with = RunOptions.write(options, call, cancel);
        return () -> {
            call.act(error -> Low.groma_run_index(run, tile, with, error));
            return null;
        };
    }

    /**
     * Makes a tile, if it is not there; indices that are missing are made first.
     *
     * @param tile from 0
     * @param options null for the defaults
     * @return what was done
     */
    public Summary make(long tile, RunOptions options) {
        return Call.run(call -> making(call, tile, options, null));
    }

    private Supplier<Summary> making(Call call, long tile, RunOptions options, Cancel cancel) {
        Pointer run = call.use(this);
        Pointer with = RunOptions.write(options, call, cancel);
        return () -> new Summary(call.make(Low::groma_summary_destroy, (summary, error) ->
                Low.groma_run_tile(run, tile, with, summary, error)));
    }

    /**
     * Makes all tiles of the run, or of its shard. Tiles that fail throw nothing: the summary has them, with their reasons.
     *
     * @param options null for the defaults
     * @return what was done, in all
     */
    public Summary execute(RunOptions options) {
        return Call.run(call -> execution(call, options, null));
    }

    private Supplier<Summary> execution(Call call, RunOptions options, Cancel cancel) {
        Pointer run = call.use(this);
        Pointer with = RunOptions.write(options, call, cancel);
        return () -> new Summary(call.make(Low::groma_summary_destroy, (summary, error) ->
                Low.groma_run_execute(run, with, summary, error)));
    }

    /** {@link #index} on a thread of its own; cancelling the future stops it. */
    public CompletableFuture<Void> indexAsync(long tile, RunOptions options) {
        return Async.run((call, cancel) -> indexing(call, tile, options, cancel));
    }

    /** {@link #make} on a thread of its own; cancelling the future stops it. */
    public CompletableFuture<Summary> makeAsync(long tile, RunOptions options) {
        return Async.run((call, cancel) -> making(call, tile, options, cancel));
    }

    /** {@link #execute} on a thread of its own; cancelling the future stops it. */
    public CompletableFuture<Summary> executeAsync(RunOptions options) {
        return Async.run((call, cancel) -> execution(call, options, cancel));
    }
}
