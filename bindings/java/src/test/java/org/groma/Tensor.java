// Tensors of vector cases: safetensors files, and comparison.
package org.groma;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A tensor with its bytes, as a case holds it. */
final class Tensor {
    private static final List<String> NAMES = Arrays.asList(
            "", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F32", "F64", "BOOL", "", "F16", "BF16");

    final String type;
    final long[] shape; // null where only the number of elements is known
    final byte[] bytes;

    Tensor(String type, long[] shape, byte[] bytes) {
        this.type = type;
        this.shape = shape;
        this.bytes = bytes;
    }

    /** The tensors of a safetensors file; none if there is no such file. */
    static Map<String, Tensor> read(Path path) throws IOException {
        Map<String, Tensor> tensors = new HashMap<>();
        if (!Files.exists(path)) return tensors;
        byte[] all = Files.readAllBytes(path);
        int start = 8 + Math.toIntExact(ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getLong(0));
        JsonObject header = JsonParser.parseString(new String(all, 8, start - 8, StandardCharsets.UTF_8)).getAsJsonObject();
        for (String name : header.keySet()) {
            if (name.equals("__metadata__")) continue;
            JsonObject entry = header.getAsJsonObject(name);
            int first = start + entry.getAsJsonArray("data_offsets").get(0).getAsInt();
            int end = start + entry.getAsJsonArray("data_offsets").get(1).getAsInt();
            long[] shape = new long[entry.getAsJsonArray("shape").size()];
            for (int i = 0; i < shape.length; i++) shape[i] = entry.getAsJsonArray("shape").get(i).getAsLong();
            tensors.put(name, new Tensor(entry.get("dtype").getAsString(), shape, Arrays.copyOfRange(all, first, end)));
        }
        return tensors;
    }

    /** The elements of a buffer that a result gave; null for null. */
    static Tensor of(Buffer buffer) {
        if (buffer == null) return null;
        if (!buffer.isReadOnly()) throw new Failed("a buffer that can be written to");
        int size = buffer instanceof ByteBuffer ? 1 : buffer instanceof FloatBuffer || buffer instanceof IntBuffer ? 4 : 8;
        ByteBuffer copy = ByteBuffer.allocate(buffer.remaining() * size).order(ByteOrder.nativeOrder());
        String type = buffer instanceof ByteBuffer ? "U8" : buffer instanceof FloatBuffer ? "F32"
                : buffer instanceof IntBuffer ? "U32" : buffer instanceof LongBuffer ? "U64" : "F64";
        if (buffer instanceof ByteBuffer) copy.put(((ByteBuffer) buffer).duplicate());
        else if (buffer instanceof FloatBuffer) copy.asFloatBuffer().put(((FloatBuffer) buffer).duplicate());
        else if (buffer instanceof IntBuffer) copy.asIntBuffer().put(((IntBuffer) buffer).duplicate());
        else if (buffer instanceof LongBuffer) copy.asLongBuffer().put(((LongBuffer) buffer).duplicate());
        else copy.asDoubleBuffer().put(((DoubleBuffer) buffer).duplicate());
        return new Tensor(type, null, copy.array());
    }

    static Tensor of(Value value) {
        byte[] bytes = new byte[Math.toIntExact(value.sizeBytes())];
        value.bytes().get(bytes);
        int number = value.elementType().number;
        String name = number < NAMES.size() && !NAMES.get(number).isEmpty() ? NAMES.get(number) : "U8";
        return new Tensor(name, value.shape(), bytes);
    }

    /** What a DLPack view shows. */
    static Tensor of(Low.groma_tensor_t view) {
        if (view.byte_offset != 0 || view.strides != null) throw new Failed("a view with strides or an offset");
        long[] shape = view.ndim == 0 ? new long[0] : view.shape.getLongArray(0, view.ndim);
        long count = 1;
        for (long size : shape) count *= size;
        String[] kinds = {"I", "U", "F", null, "BF"};
        String kind = view.dtype.code < kinds.length ? kinds[view.dtype.code] : null;
        String type = view.dtype.code == Low.GROMA_DTYPE_BOOL ? "BOOL" : kind == null ? "U8" : kind + view.dtype.bits;
        int bytes = Math.toIntExact((count * (view.dtype.bits & 0xff) * view.dtype.lanes + 7) / 8);
        return new Tensor(type, shape, bytes == 0 ? new byte[0] : view.data.getByteArray(0, bytes));
    }

    ElementType elementType() {
        int number = NAMES.indexOf(type);
        if (number < 1) throw new Failed("element type " + type + " is not one of cases");
        return ElementType.of(number);
    }

    long count() {
        return bytes.length / elementType().size();
    }

    /** The bytes in a direct buffer. */
    ByteBuffer direct() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder());
        buffer.put(bytes).flip();
        return buffer;
    }

    /** The numbers of a list, or of one column of a matrix, as a column of points. */
    Column column(long first, long step, long count) {
        int size = elementType().size();
        return Column.strided(direct(), elementType(), first * size, step * size, count);
    }

    private double element(int i) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
        switch (elementType()) {
            case U8: case BOOL: return bytes[i] & 0xff;
            case I8: return bytes[i];
            case U16: case F16: case BF16: return from.getShort(2 * i) & 0xffff;
            case I16: return from.getShort(2 * i);
            case U32: return from.getInt(4 * i) & 0xffffffffL;
            case I32: return from.getInt(4 * i);
            case U64: case I64: return from.getLong(8 * i);
            case F32: return from.getFloat(4 * i);
            default: return from.getDouble(8 * i);
        }
    }

    double[] doubles() {
        double[] numbers = new double[Math.toIntExact(count())];
        for (int i = 0; i < numbers.length; i++) numbers[i] = element(i);
        return numbers;
    }

    /** Fails unless this is what was expected. */
    void compare(Tensor expected, double tolerance) {
        if (!type.equals(expected.type)) throw new Failed("elements are " + type + ", expected " + expected.type);
        if (shape != null && !Arrays.equals(shape, expected.shape)) {
            throw new Failed("the shape is " + Arrays.toString(shape) + ", expected " + Arrays.toString(expected.shape));
        }
        if (bytes.length != expected.bytes.length) throw new Failed(count() + " elements, expected " + expected.count());
        if (tolerance == 0) {
            int at = Arrays.mismatch(bytes, expected.bytes);
            if (at >= 0) throw new Failed("byte " + at + " is " + bytes[at] + ", expected " + expected.bytes[at]);
            return;
        }
        for (int i = 0; i < count(); i++) {
            double a = element(i), b = expected.element(i);
            boolean equal = a == b || (Double.isNaN(a) && Double.isNaN(b)) || Math.abs(a - b) <= tolerance;
            if (!equal) throw new Failed("element " + i + " is " + a + ", expected " + b);
        }
    }
}
