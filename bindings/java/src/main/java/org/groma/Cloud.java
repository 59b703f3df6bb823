// LAS, LAZ and COPC files into columns, points into files.
package org.groma;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Points that were read from a file, in columns. */
public final class Cloud extends NativeObject {
    private Cloud(Resource resource) {
        super(resource);
        resource.weigh((12 + 4 * columnCount()) * count());
    }

    /**
     * Reads a file.
     *
     * @param path a LAS, LAZ or COPC file
     * @param columns names of attributes separated by commas; empty for none, null for all
     * @param options null for the defaults
     */
    public static Cloud read(String path, String columns, LasOptions options) {
        return Call.run(call -> reading(call, path, columns, options, null));
    }

    private static Supplier<Cloud> reading(Call call, String path, String columns, LasOptions options, Cancel cancel) {
        Pointer file = call.text(path);
        Pointer wanted = call.text(columns);
        Pointer with = LasOptions.write(options, call, cancel);
        return () -> new Cloud(call.make(Low::groma_cloud_destroy, (cloud, error) -> Low.groma_las_read(file, wanted, with, cloud,
                error)));
    }

    /**
     * Writes points to a {@code .las} or {@code .laz} file, which appears whole or not at all; null options for the defaults.
     */
    public static void write(Points points, String path, LasOptions options) {
        Call.run(call -> writing(call, points, path, options, null));
    }

    private static Supplier<Void> writing(Call call, Points points, String path, LasOptions options, Cancel cancel) {
        Pointer of = points.write(call);
        Pointer file = call.text(path);
        Pointer with = LasOptions.write(options, call, cancel);
        return () -> {
            call.act(error -> Low.groma_las_write(of, file, with, error));
            return null;
        };
    }

    /** Header, variable-length records, CRS and dimensions of a file, as a JSON object. */
    public static String describe(String path) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            return call.string((json, error) -> Low.groma_las_describe(file, json, error));
        }
    }

    /** Number of points. */
    public long count() {
        return number(Low::groma_cloud_count);
    }

    /** Number of attributes. */
    public long columnCount() {
        return number(Low::groma_cloud_column_count);
    }

    /** Name of an attribute; null if there is no such one. */
    public String columnName(long index) {
        return text(h -> Low.groma_cloud_column_name(h, index));
    }

    /** Names of the attributes. */
    public List<String> columnNames() {
        return List.of(texts(columnCount(), this::columnName));
    }

    /** Length of one unit of the file's CRS in metres; 0 where none is known. */
    public double linearUnitM() {
        return real(Low::groma_cloud_linear_unit_m);
    }

    /** The file's CRS as OGC WKT; null where it says none. */
    public String crsWkt() {
        return text(Low::groma_cloud_crs_wkt);
    }

    /** Everything, for the calls that take points: a view without a copy, to be used before this cloud is closed. */
    public Points points() {
        try (Call call = new Call()) {
            Pointer cloud = call.use(this);
            Low.groma_points_t raw = Points.fresh(call);
            call.act(error -> Low.groma_cloud_points(cloud, raw.getPointer(), error));
            raw.read();
            return Points.of(raw, this);
        }
    }

    /**
     * A column as a value, which outlives this cloud, without a copy: {@code x}, {@code y}, {@code z} (I32) or an attribute.
     */
    public Value value(String column) {
        try (Call call = new Call()) {
            Pointer cloud = call.use(this);
            Pointer name = call.text(column);
            return new Value(call.make(Low::groma_value_destroy, (value, error) -> Low.groma_cloud_value(cloud, name, value,
                    error)));
        }
    }

    /** {@link #read} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Cloud> readAsync(String path, String columns, LasOptions options) {
        return Async.run((call, cancel) -> reading(call, path, columns, options, cancel));
    }

    /** {@link #write} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Void> writeAsync(Points points, String path, LasOptions options) {
        return Async.run((call, cancel) -> writing(call, points, path, options, cancel));
    }
}
