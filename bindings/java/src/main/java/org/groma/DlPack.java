// Direct buffers as DLPack tensors, which say when they are no longer needed.
package org.groma;

import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Hands direct buffers to the library without a copy. */
final class DlPack {
    /** Called by the library, on any thread, when the last value of a buffer is destroyed. */
    interface Deleter extends Callback {
        void invoke(Pointer tensor);
    }

    // What the library still uses, by the address of its tensor.
    private static final Map<Pointer, Object[]> HELD = new ConcurrentHashMap<>();
    private static final Deleter DELETER = HELD::remove;

    private DlPack() {}

    static Value wrap(ElementType type, ByteBuffer bytes, long[] shape) {
        if (type.size() == 0) throw new IllegalArgumentException("elements of " + type + " are not whole bytes: copy them");
        if (count(shape) * type.size() != bytes.remaining()) {
            throw new IllegalArgumentException("the shape does not fit the buffer");
        }
        return wrap(type, bytes, Column.address(bytes, 1, ByteOrder.nativeOrder()), shape);
    }

    static Value wrap(FloatBuffer values, long[] shape) {
        if (count(shape) != values.remaining()) throw new IllegalArgumentException("the shape does not fit the buffer");
        return wrap(ElementType.F32, values, Column.address(values, 4, values.order()), shape);
    }

    private static Value wrap(ElementType type, Buffer owner, Pointer data, long[] shape) {
        Low.groma_tensor_t layout = new Low.groma_tensor_t();
        int size = layout.size();
        // A DLManagedTensor (tensor, context, deleter), then the shape that it points to.
        Memory managed = new Memory(size + 2L * Native.POINTER_SIZE + 8L * Math.max(1, shape.length));
        managed.clear();
        Pointer sizes = managed.share(size + 2L * Native.POINTER_SIZE);
        sizes.write(0, shape, 0, shape.length);
        Low.groma_tensor_t tensor = new Low.groma_tensor_t(managed);
        tensor.data = data;
        tensor.device.device_type = Low.GROMA_DEVICE_CPU;
        tensor.ndim = shape.length;
        tensor.dtype.code = code(type);
        tensor.dtype.bits = (byte) (8 * type.size());
        tensor.dtype.lanes = 1;
        tensor.shape = sizes;
        tensor.write();
        managed.setPointer(size + (long) Native.POINTER_SIZE, CallbackReference.getFunctionPointer(DELETER));
        Pointer key = new Pointer(Pointer.nativeValue(managed));
        HELD.put(key, new Object[] {owner, data, managed});
        try {
            return Value.fromDlPack(managed);
        } catch (RuntimeException e) {
            HELD.remove(key); // only what was taken over is released by the library
            throw e;
        }
    }

    /** Buffers that the library holds at this moment. */
    static int held() {
        return HELD.size();
    }

    private static byte code(ElementType type) {
        switch (type) {
            case F16: case F32: case F64: return Low.GROMA_DTYPE_FLOAT;
            case BF16: return Low.GROMA_DTYPE_BFLOAT;
            case C64: case C128: return Low.GROMA_DTYPE_COMPLEX;
            case BOOL: return Low.GROMA_DTYPE_BOOL;
            case I8: case I16: case I32: case I64: return Low.GROMA_DTYPE_INT;
            case U8: case U16: case U32: case U64: return Low.GROMA_DTYPE_UINT;
            default: throw new IllegalArgumentException("elements of " + type + " are only taken as a copy");
        }
    }

    private static long count(long[] shape) {
        long count = 1;
        for (long size : shape) count = Math.multiplyExact(count, size);
        return count;
    }
}
