// Values: what networks take and give.
package org.groma;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A tensor, tensor of strings, sequence, map, or an optional without a value. Immutable, to be shared between threads, and
 * independent of the object it came from.
 */
public final class Value extends NativeObject {
    Value(Resource resource) {
        super(resource);
        resource.weigh(sizeBytes());
    }

    /** A tensor of a copy of numbers; without a shape, of one dimension. */
    public static Value of(float[] values, long... shape) {
        Memory bytes = new Memory(Math.max(1, 4L * values.length));
        bytes.write(0, values, 0, values.length);
        return copy(ElementType.F32, usual(values.length, shape), bytes, 4L * values.length);
    }

    /** A tensor of a copy of numbers; without a shape, of one dimension. */
    public static Value of(double[] values, long... shape) {
        Memory bytes = new Memory(Math.max(1, 8L * values.length));
        bytes.write(0, values, 0, values.length);
        return copy(ElementType.F64, usual(values.length, shape), bytes, 8L * values.length);
    }

    /** A tensor of a copy of numbers; without a shape, of one dimension. */
    public static Value of(long[] values, long... shape) {
        Memory bytes = new Memory(Math.max(1, 8L * values.length));
        bytes.write(0, values, 0, values.length);
        return copy(ElementType.I64, usual(values.length, shape), bytes, 8L * values.length);
    }

    /** A tensor of a copy of numbers; without a shape, of one dimension. */
    public static Value of(int[] values, long... shape) {
        Memory bytes = new Memory(Math.max(1, 4L * values.length));
        bytes.write(0, values, 0, values.length);
        return copy(ElementType.I32, usual(values.length, shape), bytes, 4L * values.length);
    }

    /**
     * A tensor of a copy of bytes.
     *
     * @param type what they are; any type but strings
     * @param bytes the elements, row-major, in native byte order
     * @param shape sizes of the dimensions
     */
    public static Value of(ElementType type, byte[] bytes, long... shape) {
        Memory copy = new Memory(Math.max(1, bytes.length));
        copy.write(0, bytes, 0, bytes.length);
        return copy(type, shape, copy, bytes.length);
    }

    /**
     * A tensor over what remains of a direct buffer, without a copy. The library holds the buffer until the last value that
     * uses it is destroyed; do not change it before.
     *
     * @param type what the bytes are: a type whose elements are whole bytes, not strings
     * @param bytes the elements, row-major, in native byte order
     * @param shape sizes of the dimensions
     */
    public static Value wrap(ElementType type, ByteBuffer bytes, long... shape) {
        return DlPack.wrap(type, bytes, shape);
    }

    /** A tensor over what remains of a direct buffer in native byte order, without a copy; see the other one. */
    public static Value wrap(FloatBuffer values, long... shape) {
        return DlPack.wrap(values, usual(values.remaining(), shape));
    }

    /**
     * A tensor over memory that stays as it is until this value, and every value made of it, is destroyed.
     *
     * @param type any type but strings
     * @param shape sizes of the dimensions
     * @param data address of the first element
     * @param sizeBytes bytes there
     */
    public static Value atPointer(ElementType type, long[] shape, Pointer data, long sizeBytes) {
        try (Call call = new Call()) {
            Pointer sizes = call.longs(shape);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_value_borrow_tensor(type.number, sizes, shape.length, data, sizeBytes, value, error)));
        }
    }

    /** A tensor of strings, which may hold NULs; without a shape, of one dimension. */
    public static Value ofStrings(List<String> strings, long... shape) {
        long[] sizes = usual(strings.size(), shape);
        try (Call call = new Call()) {
            long[] lengths = new long[strings.size()];
            Memory texts = call.memory(8L * lengths.length);
            for (int i = 0; i < lengths.length; i++) {
                byte[] utf8 = strings.get(i).getBytes(StandardCharsets.UTF_8);
                texts.setPointer((long) Native.POINTER_SIZE * i, call.bytes(utf8));
                lengths[i] = utf8.length;
            }
            Pointer of = call.longs(lengths);
            Pointer dimensions = call.longs(sizes);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_value_create_strings(texts, of, dimensions, sizes.length, value, error)));
        }
    }

    /** A sequence of values, which may be closed afterwards. */
    public static Value sequence(List<Value> items) {
        try (Call call = new Call()) {
            Pointer handles = call.handles(items);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_value_create_sequence(handles, items.size(), value, error)));
        }
    }

    /** An optional without a value. */
    public static Value none() {
        try (Call call = new Call()) {
            return new Value(call.make(Low::groma_value_destroy, Low::groma_value_create_none));
        }
    }

    /** Takes a DLPack {@code DLManagedTensor} over, without a copy; it is no longer the caller's, unless this throws. */
    public static Value fromDlPack(Pointer managedTensor) {
        try (Call call = new Call()) {
            return new Value(call.make(Low::groma_value_destroy, (value, error) -> Low.groma_value_from_dlpack(managedTensor,
                    value, error)));
        }
    }

    /** Gives the tensor out as a {@code DLManagedTensor}, without a copy; whoever gets it calls its deleter. */
    public Pointer toDlPack() {
        try (Call call = new Call()) {
            Pointer value = call.use(this);
            Memory place = call.memory(8);
            call.act(error -> Low.groma_value_to_dlpack(value, place, error));
            return place.getPointer(0);
        }
    }

    /** What this is. */
    public Kind kind() {
        return Kind.of((int) number(h -> Low.groma_value_kind(h)));
    }

    /** Type of a tensor's elements; none of other kinds. */
    public ElementType elementType() {
        return ElementType.of((int) number(h -> Low.groma_value_element_type(h)));
    }

    /** Elements of a tensor, items of a sequence, pairs of a map. */
    public long count() {
        return number(Low::groma_value_count);
    }

    /** Sizes of a tensor's dimensions; empty of scalars and of other kinds. */
    public long[] shape() {
        return get(h -> {
            int ndim = Math.toIntExact(Low.groma_value_ndim(h));
            return ndim == 0 ? new long[0] : Low.groma_value_shape(h).getLongArray(0, ndim);
        });
    }

    /** Bytes of a tensor's data; 0 of strings and of other kinds. */
    public long sizeBytes() {
        return number(Low::groma_value_size_bytes);
    }

    /** Address of a tensor's data, row-major; null for strings. Valid until {@link #close}. */
    public Pointer data() {
        return get(Low::groma_value_data);
    }

    /** All bytes of a tensor, row-major, without a copy; {@code asFloatBuffer()} and the like make numbers of them. */
    public ByteBuffer bytes() {
        return bytes(0, sizeBytes());
    }

    /** A part of a tensor's bytes, without a copy: up to 2,147,483,647. */
    public ByteBuffer bytes(long offset, long size) {
        if (elementType() == ElementType.NONE
                || elementType() == ElementType.STRING) throw new IllegalStateException("not a tensor of numbers");
        if (offset < 0 || size < 0 || offset > sizeBytes() - size) throw new IndexOutOfBoundsException("not within the tensor");
        return view(Low::groma_value_data, offset, size);
    }

    /** The elements of a tensor of F32, without a copy. */
    public FloatBuffer floats() {
        if (elementType() != ElementType.F32) throw new IllegalStateException("the elements are " + elementType() + ", not F32");
        return bytes().asFloatBuffer();
    }

    /** One string of a tensor of strings, by its row-major place; null if there is no such one. */
    public String string(long index) {
        return get(h -> {
            try (Memory length = new Memory(8)) {
                length.setLong(0, 0);
                Pointer text = Low.groma_value_string(h, index, length);
                return text == null ? null : new String(text.getByteArray(0, Math.toIntExact(length.getLong(0))),
                        StandardCharsets.UTF_8);
            }
        });
    }

    /** All strings of a tensor of strings, row-major. */
    public List<String> strings() {
        if (elementType() != ElementType.STRING) throw new IllegalStateException("the elements are " + elementType()
                + ", not strings");
        return List.of(texts(count(), this::string));
    }

    /** An item of a sequence; of a map, 0 is its keys and 1 its values. */
    public Value item(long index) {
        try (Call call = new Call()) {
            Pointer value = call.use(this);
            return new Value(call.make(Low::groma_value_destroy, (item, error) -> Low.groma_value_item(value, index, item,
                    error)));
        }
    }

    /** The tensor as a DLPack view, for calls that take one; valid until this value is closed. */
    public Low.groma_tensor_t tensor() {
        try (Call call = new Call()) {
            Pointer value = call.use(this);
            Low.groma_tensor_t tensor = new Low.groma_tensor_t();
            call.act(error -> Low.groma_value_tensor(value, tensor.getPointer(), error));
            tensor.read();
            return tensor;
        }
    }

    private static Value copy(ElementType type, long[] shape, Memory bytes, long size) {
        try (Call call = new Call()) {
            Pointer sizes = call.longs(shape);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_value_copy_tensor(type.number, sizes, shape.length, bytes, size, value, error)));
        } finally {
            bytes.close();
        }
    }

    static long[] usual(long count, long[] shape) {
        return shape == null || shape.length == 0 ? new long[] {count} : shape;
    }
}
