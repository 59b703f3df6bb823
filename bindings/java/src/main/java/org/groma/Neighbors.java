// Neighbours: who is near whom.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * The neighbours of points, one list after the other: those of point {@code i} are entries {@code offsets[i]} to {@code
 * offsets[i + 1]}.
 */
public final class Neighbors extends NativeObject {
    private Neighbors(Resource resource) {
        super(resource);
        resource.weigh(8 * count() + 8 * total());
    }

    /** The {@code k} nearest neighbours of each point, itself included, nearest first; null options for the defaults. */
    public static Neighbors nearest(Points points, long k, NeighborsOptions options) {
        return Call.run(call -> nearestSearch(call, points, k, options, null));
    }

    private static Supplier<Neighbors> nearestSearch(Call call, Points points, long k, NeighborsOptions options,
            Cancel cancel) {
        Pointer of = points.write(call);
        Pointer with = NeighborsOptions.write(options, call, cancel);
        return () -> new Neighbors(call.make(Low::groma_neighbors_destroy, (neighbors, error) ->
                Low.groma_neighbors_nearest(of, k, with, neighbors, error)));
    }

    /** The neighbours of each point within a distance in metres, itself included; null options for the defaults. */
    public static Neighbors within(Points points, double radiusM, NeighborsOptions options) {
        return Call.run(call -> withinSearch(call, points, radiusM, options, null));
    }

    private static Supplier<Neighbors> withinSearch(Call call, Points points, double radiusM, NeighborsOptions options,
            Cancel cancel) {
        Pointer of = points.write(call);
        Pointer with = NeighborsOptions.write(options, call, cancel);
        return () -> new Neighbors(call.make(Low::groma_neighbors_destroy, (neighbors, error) ->
                Low.groma_neighbors_within(of, radiusM, with, neighbors, error)));
    }

    /** Number of points. */
    public long count() {
        return number(Low::groma_neighbors_count);
    }

    /** Number of entries of all points. */
    public long total() {
        return number(Low::groma_neighbors_total);
    }

    /** Where the entries of each point begin: {@code [count + 1]}. */
    public LongBuffer offsets() {
        return view(Low::groma_neighbors_offsets, 0, 8 * (count() + 1)).asLongBuffer();
    }

    /** Rows of the neighbours, without sign: {@code [total]}. */
    public IntBuffer indices() {
        return view(Low::groma_neighbors_indices, 0, 4 * total()).asIntBuffer();
    }

    /** Distances in metres: {@code [total]}. */
    public FloatBuffer distances() {
        return view(Low::groma_neighbors_distances, 0, 4 * total()).asFloatBuffer();
    }

    /** One of the arrays as a value, which outlives this object, without a copy. */
    public Value value(NeighborsOutput output) {
        try (Call call = new Call()) {
            Pointer neighbors = call.use(this);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_neighbors_value(neighbors, output.number, value, error)));
        }
    }

    /** {@link #nearest} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Neighbors> nearestAsync(Points points, long k, NeighborsOptions options) {
        return Async.run((call, cancel) -> nearestSearch(call, points, k, options, cancel));
    }

    /** {@link #within} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Neighbors> withinAsync(Points points, double radiusM, NeighborsOptions options) {
        return Async.run((call, cancel) -> withinSearch(call, points, radiusM, options, cancel));
    }
}
