// One array of numbers, a number for each point.
package org.groma;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;

/**
 * A number for each point. Java arrays are copied once, when the column is made; direct buffers and values are read where they
 * are, at each call, and may change between calls.
 */
public final class Column {
    private final Object owner;
    private final Pointer first;
    private final ElementType type;
    private final long count;
    private final long stride;

    Column(Object owner, Pointer first, ElementType type, long count, long stride) {
        this.owner = owner;
        this.first = first;
        this.type = type;
        this.count = count;
        this.stride = stride;
    }

    /** A copy of numbers. */
    public static Column of(double[] values) {
        Memory copy = memory(8L * values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, ElementType.F64, values.length, 0);
    }

    /** A copy of numbers. */
    public static Column of(float[] values) {
        Memory copy = memory(4L * values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, ElementType.F32, values.length, 0);
    }

    /** A copy of numbers with sign. */
    public static Column of(long[] values) {
        return of(values, ElementType.I64);
    }

    /** A copy of numbers with sign. */
    public static Column of(int[] values) {
        return of(values, ElementType.I32);
    }

    /** A copy of numbers with sign. */
    public static Column of(short[] values) {
        return of(values, ElementType.I16);
    }

    /** A copy of numbers without sign: most attributes of LAS are. */
    public static Column of(byte[] values) {
        return of(values, ElementType.U8);
    }

    /** A copy of numbers, {@link ElementType#I64} or {@link ElementType#U64}. */
    public static Column of(long[] values, ElementType type) {
        Memory copy = memory(8L * values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, sized(type, 8), values.length, 0);
    }

    /** A copy of numbers, {@link ElementType#I32} or {@link ElementType#U32}. */
    public static Column of(int[] values, ElementType type) {
        Memory copy = memory(4L * values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, sized(type, 4), values.length, 0);
    }

    /** A copy of numbers, {@link ElementType#I16} or {@link ElementType#U16}. */
    public static Column of(short[] values, ElementType type) {
        Memory copy = memory(2L * values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, sized(type, 2), values.length, 0);
    }

    /** A copy of numbers, {@link ElementType#I8} or {@link ElementType#U8}. */
    public static Column of(byte[] values, ElementType type) {
        Memory copy = memory(values.length);
        copy.write(0, values, 0, values.length);
        return new Column(copy, copy, sized(type, 1), values.length, 0);
    }

    /** What remains of a direct buffer in native byte order, without a copy. */
    public static Column of(DoubleBuffer values) {
        return new Column(values, address(values, 8, values.order()), ElementType.F64, values.remaining(), 0);
    }

    /** What remains of a direct buffer in native byte order, without a copy. */
    public static Column of(FloatBuffer values) {
        return new Column(values, address(values, 4, values.order()), ElementType.F32, values.remaining(), 0);
    }

    /** What remains of a direct buffer in native byte order, without a copy: I64 or U64. */
    public static Column of(LongBuffer values, ElementType type) {
        return new Column(values, address(values, 8, values.order()), sized(type, 8), values.remaining(), 0);
    }

    /** What remains of a direct buffer in native byte order, without a copy: I32 or U32. */
    public static Column of(IntBuffer values, ElementType type) {
        return new Column(values, address(values, 4, values.order()), sized(type, 4), values.remaining(), 0);
    }

    /** What remains of a direct buffer in native byte order, without a copy: I16 or U16. */
    public static Column of(ShortBuffer values, ElementType type) {
        return new Column(values, address(values, 2, values.order()), sized(type, 2), values.remaining(), 0);
    }

    /**
     * A field of records in a direct buffer, without a copy.
     *
     * @param records the records, from the buffer's position to its limit; numbers are in native byte order
     * @param type type of the field
     * @param offset bytes from the position to the field of the first record
     * @param stride bytes from one record to the next; may be negative
     * @param count number of records
     */
    public static Column strided(ByteBuffer records, ElementType type, long offset, long stride, long count) {
        if (type.size() == 0 || count < 0) throw new IllegalArgumentException("a numeric type and a count are needed");
        long last = count == 0 ? offset : Math.addExact(offset, Math.multiplyExact(count - 1, stride));
        if (count > 0 && (Math.min(offset, last) < 0 || Math.max(offset, last) > records.remaining() - type.size())) {
            throw new IllegalArgumentException("the column reaches beyond its buffer");
        }
        Pointer start = address(records, 1, ByteOrder.nativeOrder());
        return new Column(records, count == 0 ? start : start.share(offset), type, count, stride == type.size() ? 0 : stride);
    }

    /** The elements of a tensor of numbers, without a copy; it must not be closed before the calls that use the column. */
    public static Column of(Value value) {
        if (value.kind() != Kind.TENSOR) throw new IllegalArgumentException("a value that is no tensor cannot be a column");
        return new Column(value, value.data(), value.elementType(), value.count(), 0);
    }

    /**
     * Every so-manieth element of this column.
     *
     * @param first index of the first one
     * @param step elements from one to the next; may be negative
     * @param count number of elements
     */
    public Column strided(long first, long step, long count) {
        long last = count == 0 ? first : Math.addExact(first, Math.multiplyExact(count - 1, step));
        if (count < 0 || (count > 0 && (Math.min(first, last) < 0 || Math.max(first, last) >= this.count))) {
            throw new IllegalArgumentException("the column reaches beyond its array");
        }
        long one = stride == 0 ? type.size() : stride;
        return new Column(owner, count == 0 ? this.first : this.first.share(first * one), type, count, step * one);
    }

    /** Type of the elements. */
    public ElementType type() {
        return type;
    }

    /** Number of elements. */
    public long count() {
        return count;
    }

    /** Bytes from one element to the next; 0 if they follow each other without gaps. */
    public long strideBytes() {
        return stride;
    }

    /** Address of the first element during a call. */
    Pointer start(Call call) {
        if (owner instanceof NativeObject) call.use((NativeObject) owner);
        call.keep(owner);
        return first;
    }

    /** Address of what remains of a direct buffer. */
    static Pointer address(Buffer buffer, int size, ByteOrder order) {
        if (!buffer.isDirect()) throw new IllegalArgumentException("not a direct buffer: copy it to one, or pass an array");
        if (size > 1 && order != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("the buffer is not in native byte order");
        }
        if (!buffer.hasRemaining()) return memory(0);
        return Native.getDirectBufferPointer(buffer).share((long) buffer.position() * size);
    }

    private static Memory memory(long bytes) {
        Memory copy = new Memory(Math.max(1, bytes));
        Weight.add(bytes);
        Resource.CLEANER.register(copy, () -> Weight.remove(bytes));
        return copy;
    }

    private static ElementType sized(ElementType type, int size) {
        if (type.number >= 1 && type.number <= 10 && type.size() == size && type != ElementType.F32
                && type != ElementType.F64) return type;
        throw new IllegalArgumentException(type + " is not a whole number of " + size + " bytes");
    }
}
