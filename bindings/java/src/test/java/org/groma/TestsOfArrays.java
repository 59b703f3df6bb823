// Tests of the native layer: columns and values.
package org.groma;

import static org.groma.Tests.SIDE;
import static org.groma.Tests.array;
import static org.groma.Tests.check;
import static org.groma.Tests.equal;
import static org.groma.Tests.grid;
import static org.groma.Tests.thrown;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.List;

final class TestsOfArrays {
    private TestsOfArrays() {}

    static void columns() {
        double[] xyz = grid(SIDE);
        int n = SIDE * SIDE;
        int record = 27; // a byte, three doubles, a short: nothing is aligned
        ByteBuffer records = ByteBuffer.allocateDirect(record * n + 5).order(ByteOrder.nativeOrder());
        records.position(5);
        double[] x = new double[n];
        DoubleBuffer y = ByteBuffer.allocateDirect(8 * n).order(ByteOrder.nativeOrder()).asDoubleBuffer();
        double[] backwards = new double[n];
        int[][] steps = new int[3][n];
        for (int i = 0; i < n; i++) {
            records.put((byte) 1).putDouble(xyz[3 * i]).putDouble(xyz[3 * i + 1]).putDouble(xyz[3 * i + 2]).putShort((short) i);
            x[i] = xyz[3 * i];
            y.put(i, xyz[3 * i + 1]);
            backwards[n - 1 - i] = xyz[3 * i + 2];
            for (int axis = 0; axis < 3; axis++) steps[axis][i] = (int) Math.round(xyz[3 * i + axis] * 100) - 500;
        }
        records.position(5);
        List<Points> all = List.of(
                Points.ofInterleaved(xyz),
                Points.of(
                        Column.strided(records, ElementType.F64, 1, record, n),
                        Column.strided(records, ElementType.F64, 9, record, n),
                        Column.strided(records, ElementType.F64, 17, record, n))
                        .add("intensity", Column.strided(records, ElementType.U16, 25, record, n)),
                Points.of(Column.of(x), Column.of(y), Column.of(backwards).strided(n - 1, -1, n)),
                Points.ofIntegers(steps[0], steps[1], steps[2], new double[] {0.01, 0.01, 0.01}, new double[] {5, 5, 5}));
        float[] expected = null;
        for (Points points : all) {
            equal(points.count(), (long) n);
            try (Features features = Features.compute(points.resolution(0.01), "planarity@k20, vertical_range@r1.0")) {
                float[] values = array(features.values());
                if (expected == null) expected = values;
                for (int i = 0; i < values.length; i++) {
                    check(Math.abs(values[i] - expected[i]) < 1e-4, "the features of " + points.coordinateType() + " differ");
                }
            }
        }
        // A column of the library's own memory.
        try (Value value = Value.of(x); Features features = Features.compute(Points.of(Column.of(value), Column.of(y),
                Column.of(x)), "planarity@k20")) {
            equal(features.rows(), (long) n);
        }
        try (Features none = Features.compute(Points.ofInterleaved(new double[0]), "planarity@k20")) {
            equal(none.values().remaining(), 0);
        }
    }

    static void columnsRefused() {
        Column ten = Column.of(new double[10]);
        ByteBuffer bytes = ByteBuffer.allocateDirect(80);
        thrown(IllegalArgumentException.class, () -> ten.strided(0, 3, 5));
        thrown(IllegalArgumentException.class, () -> ten.strided(2, -1, 4));
        thrown(ArithmeticException.class, () -> ten.strided(0, Long.MAX_VALUE, 3));
        thrown(IllegalArgumentException.class, () -> Column.strided(bytes, ElementType.F64, 1, 8, 10));
        thrown(IllegalArgumentException.class, () -> Column.strided(bytes, ElementType.STRING, 0, 8, 1));
        thrown(IllegalArgumentException.class, () -> Column.strided(ByteBuffer.allocate(80), ElementType.F64, 0, 8, 1));
        thrown(IllegalArgumentException.class, () -> Column.of(bytes.asDoubleBuffer())); // big-endian
        thrown(IllegalArgumentException.class, () -> Column.of(new int[1], ElementType.F32));
        thrown(IllegalArgumentException.class, () -> Points.ofInterleaved(new double[10]));
        thrown(IllegalArgumentException.class, () -> Points.of(ten, ten, Column.of(new double[9])));
        thrown(IllegalArgumentException.class, () -> Points.of(ten, ten, Column.of(new int[10])));
        thrown(IllegalArgumentException.class, () -> Points.of(ten, ten, ten).add("intensity", Column.of(new short[9])));
        thrown(IllegalArgumentException.class, () -> Model.open("a\0b"));
        try (Model model = Model.openDefault()) {
            equal(thrown(GromaException.Argument.class, () -> model.classify(Points.ofInterleaved(grid(SIDE)))).status(),
                    Status.MISSING_COLUMN);
        }
    }

    static void values() {
        try (Value value = Value.of(new double[] {1, 2}, 1, 2)) {
            equal(value.elementType(), ElementType.F64);
            equal(value.kind(), Kind.TENSOR);
            equal(value.bytes().getDouble(8), 2.0);
        }
        try (Value value = Value.of(new long[] {-1, 2})) {
            equal(value.elementType(), ElementType.I64);
            equal(value.bytes().asLongBuffer().get(0), -1L);
        }
        try (Value value = Value.of(new int[] {-1, 2})) {
            equal(value.bytes(4, 4).getInt(0), 2);
            thrown(IndexOutOfBoundsException.class, () -> value.bytes(4, 5));
        }
        ElementType[] whole = {
            ElementType.U8, ElementType.I8, ElementType.U16, ElementType.I16, ElementType.U32, ElementType.I32, ElementType.U64,
            ElementType.I64, ElementType.F32, ElementType.F64, ElementType.BOOL, ElementType.F16, ElementType.BF16,
                    ElementType.C64,
            ElementType.C128
        };
        for (ElementType type : whole) {
            byte[] bytes = new byte[2 * type.size()];
            Arrays.fill(bytes, (byte) 1);
            ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length);
            direct.put(bytes).flip();
            for (Value value : List.of(Value.of(type, bytes, 1, 2), Value.wrap(type, direct, 1, 2))) {
                equal(value.elementType(), type);
                equal(value.count(), 2L);
                check(Arrays.equals(value.shape(), new long[] {1, 2}), "the shape");
                check(value.bytes().equals(ByteBuffer.wrap(bytes)), "the bytes of " + type);
                value.close();
            }
        }
        try (Value packed = Value.of(ElementType.U4, new byte[] {0x21, 0x03}, 3)) {
            equal(packed.count(), 3L);
        }
        try (Value scalar = Value.of(ElementType.F64, new byte[8])) {
            equal(scalar.shape().length, 0);
            equal(scalar.count(), 1L);
        }
        List<String> words = List.of("", "é", "a\0b", "日本語");
        try (Value strings = Value.ofStrings(words, 2, 2)) {
            equal(strings.strings(), words);
            equal(strings.string(4), null);
            equal(strings.data(), null);
        }
        try (Value none = Value.none(); Value sequence = Value.sequence(List.of(none, none))) {
            equal(none.kind(), Kind.NONE);
            equal(sequence.kind(), Kind.SEQUENCE);
            equal(sequence.count(), 2L);
            thrown(GromaException.Argument.class, () -> sequence.item(2));
        }
    }

    static void valuesRefused() {
        thrown(GromaException.Argument.class, () -> Value.of(new float[3], 2, 2));
        try (Value doubles = Value.of(
                new double[] {1}); Value strings = Value.ofStrings(List.of("a")); Value none = Value.none()) {
            thrown(IllegalStateException.class, doubles::floats);
            thrown(IllegalStateException.class, doubles::strings);
            thrown(IllegalStateException.class, strings::bytes);
            thrown(IllegalStateException.class, none::bytes);
            thrown(IllegalArgumentException.class, () -> Column.of(none));
        }
        thrown(IllegalArgumentException.class, () -> Value.wrap(ElementType.U4, ByteBuffer.allocateDirect(2), 3));
        thrown(IllegalArgumentException.class, () -> Value.wrap(ElementType.F32, ByteBuffer.allocateDirect(2), 1));
    }
}
