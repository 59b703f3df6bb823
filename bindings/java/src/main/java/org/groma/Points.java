// Points from arrays of the caller.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Points: coordinates and attributes. Coordinates are {@code double}, rounded once to steps of {@link #resolution()}, or
 * {@code int} as in LAS (position = integer * scale + offset); their unit is the metre unless the options of a call say
 * otherwise.
 */
public final class Points {
    private final Column x;
    private final Column y;
    private final Column z;
    private final List<String> names = new ArrayList<>();
    private final List<Column> columns = new ArrayList<>();
    private double resolution;
    private double[] scale;
    private double[] offset;

    private Points(Column x, Column y, Column z) {
        if (x.count() != y.count() || x.count() != z.count()) throw new IllegalArgumentException("x, y and z differ in length");
        if (x.type() != y.type() || x.type() != z.type()) throw new IllegalArgumentException("x, y and z differ in type");
        this.x = x;
        this.y = y;
        this.z = z;
        Low.groma_points_t raw = fresh(null);
        resolution = raw.resolution;
        scale = raw.scale.clone();
        offset = raw.offset.clone();
    }

    /** Points whose coordinates lie in three arrays, which are copied. */
    public static Points of(double[] x, double[] y, double[] z) {
        return new Points(Column.of(x), Column.of(y), Column.of(z));
    }

    /** Points whose coordinates lie in three columns, all F64 or all I32. */
    public static Points of(Column x, Column y, Column z) {
        return new Points(x, y, z);
    }

    /** Points whose coordinates follow each other: x, y, z of the first, x, y, z of the second, ... The array is copied. */
    public static Points ofInterleaved(double[] xyz) {
        if (xyz.length % 3 != 0) throw new IllegalArgumentException("the length is not a multiple of three");
        Column all = Column.of(xyz);
        long count = xyz.length / 3;
        return new Points(part(all, 0, count), part(all, 1, count), part(all, 2, count));
    }

    /** Points whose coordinates follow each other in a direct buffer of doubles in native byte order, without a copy. */
    public static Points ofInterleaved(ByteBuffer xyz) {
        long count = xyz.remaining() / 24;
        if (count * 24 != xyz.remaining()) throw new IllegalArgumentException("the size is not a multiple of 24 bytes");
        return new Points(
                Column.strided(xyz, ElementType.F64, 0, 24, count),
                Column.strided(xyz, ElementType.F64, 8, 24, count),
                Column.strided(xyz, ElementType.F64, 16, 24, count));
    }

    /**
     * Points with integer coordinates, as in LAS files. The arrays are copied.
     *
     * @param x x in steps
     * @param y y in steps
     * @param z z in steps
     * @param scale size of a step along x, y, z
     * @param offset position of integer 0 along x, y, z
     */
    public static Points ofIntegers(int[] x, int[] y, int[] z, double[] scale, double[] offset) {
        return new Points(Column.of(x), Column.of(y), Column.of(z)).scale(scale).offset(offset);
    }

    /** A view that another object of the library gave. */
    static Points of(Low.groma_points_t raw, NativeObject owner) {
        ElementType type = ElementType.of(raw.coordinate_type);
        Points points = new Points(
                new Column(owner, raw.x, type, raw.count, raw.x_stride_bytes),
                new Column(owner, raw.y, type, raw.count, raw.y_stride_bytes),
                new Column(owner, raw.z, type, raw.count, raw.z_stride_bytes));
        points.resolution = raw.resolution;
        points.scale = raw.scale.clone();
        points.offset = raw.offset.clone();
        long place = 0;
        for (long i = 0; i < raw.column_count; i++) {
            Low.groma_column_t one = new Low.groma_column_t(raw.columns.share(place));
            one.read();
            Column column = new Column(owner, one.data, ElementType.of(one.element_type), raw.count, one.stride_bytes);
            points.add(Call.text(one.name), column);
            place += one.struct_size;
        }
        return points;
    }

    /** Adds an attribute: {@code intensity}, {@code return_number}, {@code classification}, ... or a name of your own. */
    public Points add(String name, Column values) {
        if (name == null) throw new NullPointerException("name");
        if (values.count() != count()) throw new IllegalArgumentException(name + " has " + values.count() + " values for "
                + count() + " points");
        names.add(name);
        columns.add(values);
        return this;
    }

    /** Number of points, up to 4,294,967,295. */
    public long count() {
        return x.count();
    }

    /** {@link ElementType#F64} or {@link ElementType#I32}. */
    public ElementType coordinateType() {
        return x.type();
    }

    /** Names of the attributes. */
    public List<String> columnNames() {
        return List.copyOf(names);
    }

    /** Steps that {@code double} coordinates are rounded to, in their unit. Default 0.001. */
    public double resolution() {
        return resolution;
    }

    /** Sets {@link #resolution()}. */
    public Points resolution(double resolution) {
        this.resolution = resolution;
        return this;
    }

    /** Size of one step along x, y, z of {@code int} coordinates, in their unit. Default 0.001. */
    public double[] scale() {
        return scale.clone();
    }

    /** Sets {@link #scale()}. */
    public Points scale(double[] scale) {
        this.scale = three(scale);
        return this;
    }

    /** Position of integer 0 along x, y, z. Default 0. */
    public double[] offset() {
        return offset.clone();
    }

    /** Sets {@link #offset()}. */
    public Points offset(double[] offset) {
        this.offset = three(offset);
        return this;
    }

    Pointer write(Call call) {
        Low.groma_points_t raw = fresh(call);
        raw.coordinate_type = coordinateType().number;
        raw.count = count();
        raw.x = x.start(call);
        raw.y = y.start(call);
        raw.z = z.start(call);
        raw.x_stride_bytes = x.strideBytes();
        raw.y_stride_bytes = y.strideBytes();
        raw.z_stride_bytes = z.strideBytes();
        raw.scale = scale.clone();
        raw.offset = offset.clone();
        raw.resolution = resolution;
        raw.column_count = columns.size();
        if (!columns.isEmpty()) {
            int size = new Low.groma_column_t().size();
            raw.columns = call.memory((long) size * columns.size());
            for (int i = 0; i < columns.size(); i++) {
                Column column = columns.get(i);
                Low.groma_column_t one = new Low.groma_column_t(raw.columns.share((long) size * i));
                one.struct_size = size;
                one.element_type = column.type().number;
                one.name = call.text(names.get(i));
                one.data = column.start(call);
                one.stride_bytes = column.strideBytes();
                call.write(one);
            }
        }
        return call.write(raw);
    }

    /** A struct with the defaults, in memory of a call or of its own. */
    static Low.groma_points_t fresh(Call call) {
        Groma.load();
        Low.groma_points_t raw = new Low.groma_points_t();
        if (call != null) raw = new Low.groma_points_t(call.memory(raw.size()));
        Low.groma_points_init(raw.getPointer(), raw.size());
        raw.read();
        return raw;
    }

    private static Column part(Column all, int first, long count) {
        return all.strided(first, 3, count);
    }

    private static double[] three(double[] numbers) {
        if (numbers.length != 3) throw new IllegalArgumentException("three numbers, for x, y and z");
        return numbers.clone();
    }
}
