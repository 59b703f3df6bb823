// Ground, of points in memory and of files.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** The ground of points in memory. */
public final class Ground extends NativeObject {
    private Ground(Resource resource) {
        super(resource);
        resource.weigh(5 * count());
    }

    /**
     * Finds the ground of points in memory.
     *
     * @param points the points; of their attributes only {@code classification} is read
     * @param options null for the defaults; what concerns files is ignored
     */
    public static Ground of(Points points, GroundOptions options) {
        return Call.run(call -> finding(call, points, options, null));
    }

    private static Supplier<Ground> finding(Call call, Points points, GroundOptions options, Cancel cancel) {
        Pointer of = points.write(call);
        Pointer with = GroundOptions.write(options, call, cancel);
        return () -> new Ground(call.make(Low::groma_ground_destroy, (ground, error) -> Low.groma_ground_points(of, with, ground,
                error)));
    }

    /**
     * Finds the ground of a LAS, LAZ or COPC file. The output holds the same points, ground as class 2.
     *
     * @param input the file to read
     * @param output the file to write: {@code .las} or {@code .laz}
     * @param options null for the defaults
     */
    public static Summary ofFile(String input, String output, GroundOptions options) {
        return Call.run(call -> fileFinding(call, input, output, options, null));
    }

    private static Supplier<Summary> fileFinding(Call call, String input, String output, GroundOptions options, Cancel cancel) {
        Pointer from = call.text(input);
        Pointer to = call.text(output);
        Pointer with = GroundOptions.write(options, call, cancel);
        return () -> new Summary(call.make(Low::groma_summary_destroy, (summary, error) -> Low.groma_ground_file(from, to, with,
                summary, error)));
    }

    /** Number of points. */
    public long count() {
        return number(Low::groma_ground_count);
    }

    /** Number of ground points. */
    public long found() {
        return number(Low::groma_ground_found);
    }

    /** Points outside the triangles of {@link Height#TIN}, measured from the nearest ground point. */
    public long outsideHull() {
        return number(Low::groma_ground_outside_hull);
    }

    /** The new class of each point, without sign, 2 for ground: {@code [count]}. */
    public ByteBuffer classes() {
        return view(Low::groma_ground_classes, 0, count());
    }

    /** The height of each point above the ground in metres: {@code [count]}; null if not asked for. */
    public FloatBuffer heights() {
        ByteBuffer bytes = view(Low::groma_ground_heights, 0, 4 * count());
        return bytes == null ? null : bytes.asFloatBuffer();
    }

    /** {@link #of} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Ground> ofAsync(Points points, GroundOptions options) {
        return Async.run((call, cancel) -> finding(call, points, options, cancel));
    }

    /** {@link #ofFile} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Summary> ofFileAsync(String input, String output, GroundOptions options) {
        return Async.run((call, cancel) -> fileFinding(call, input, output, options, cancel));
    }
}
