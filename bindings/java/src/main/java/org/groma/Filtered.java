// Filters, of points in memory and of files.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** The points that a filter has chosen. */
public final class Filtered extends NativeObject {
    private final long points;

    private Filtered(Resource resource, long points) {
        super(resource);
        this.points = points;
        resource.weigh(points + (get(Low::groma_filtered_positions) == null ? 4 : 28) * count());
    }

    /**
     * Filters points in memory.
     *
     * @param points the points; attributes are not read
     * @param filter which points stay
     * @param options null for the defaults; what concerns files is ignored
     */
    public static Filtered of(Points points, Filter filter, FilterOptions options) {
        return Call.run(call -> filtering(call, points, filter, options, null));
    }

    private static Supplier<Filtered> filtering(Call call, Points points, Filter filter, FilterOptions options, Cancel cancel) {
        Pointer of = points.write(call);
        Pointer with = FilterOptions.write(options, call, cancel);
        return () -> new Filtered(call.make(Low::groma_filtered_destroy, (filtered, error) ->
                Low.groma_filter_points(of, filter.number, with, filtered, error)), points.count());
    }

    /**
     * Filters a LAS, LAZ or COPC file into another, which appears whole or not at all.
     *
     * @param input the file to read
     * @param output the file to write: {@code .las} or {@code .laz}
     * @param filter which points stay
     * @param options null for the defaults
     */
    public static FilterSummary ofFile(String input, String output, Filter filter, FilterOptions options) {
        return Call.run(call -> fileFiltering(call, input, output, filter, options, null));
    }

    private static Supplier<FilterSummary> fileFiltering(Call call, String input, String output, Filter filter,
            FilterOptions options, Cancel cancel) {
        Pointer from = call.text(input);
        Pointer to = call.text(output);
        Pointer with = FilterOptions.write(options, call, cancel);
        return () -> new FilterSummary(call.make(Low::groma_filter_summary_destroy, (summary, error) ->
                Low.groma_filter_file(from, to, filter.number, with, summary, error)));
    }

    /** Number of points that were chosen. */
    public long count() {
        return number(Low::groma_filtered_count);
    }

    /** Their rows, without sign: ascending; of {@link Filter#FARTHEST} in the order in which they were taken. */
    public IntBuffer rows() {
        return view(Low::groma_filtered_rows, 0, 4 * count()).asIntBuffer();
    }

    /** For each of the points that were filtered, 1 if it was chosen and 0 if not. */
    public ByteBuffer mask() {
        return view(Low::groma_filtered_mask, 0, points);
    }

    /** New positions, x, y, z of one after the other; null if the points stay where they are. */
    public DoubleBuffer positions() {
        ByteBuffer bytes = view(Low::groma_filtered_positions, 0, 24 * count());
        return bytes == null ? null : bytes.asDoubleBuffer();
    }

    /** The mean distance in metres above which {@link Filter#STATISTICAL} has left points out; else 0. */
    public double thresholdM() {
        return real(Low::groma_filtered_threshold_m);
    }

    /** {@link #of} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Filtered> ofAsync(Points points, Filter filter, FilterOptions options) {
        return Async.run((call, cancel) -> filtering(call, points, filter, options, cancel));
    }

    /** {@link #ofFile} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<FilterSummary> ofFileAsync(String input, String output, Filter filter,
            FilterOptions options) {
        return Async.run((call, cancel) -> fileFiltering(call, input, output, filter, options, cancel));
    }
}
